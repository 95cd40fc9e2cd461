// cli.test: what Supabase's own tools say of the library: its types, and the advisors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { edition, generateTypes, makeDatabase, supabaseCli } from './world.js';

const database = 'supabase_cli';
let admin: pg.Client;

before(async () => {
	({ admin } = await makeDatabase(database));
});
after(() => admin?.end());

// What the advisors find, security and performance, the smallest notes included.
async function advisors(): Promise<string[]> {
	const answer = JSON.parse(await supabaseCli(database, 'db', 'advisors', '--level', 'info', '--output-format', 'json'));

	assert.ok(Array.isArray(answer.results), JSON.stringify(answer));
	return answer.results.map((finding: { name: string; metadata: { name: string } }) => `${finding.name} ${finding.metadata.name}`)
		// Of a database that nobody has used yet, it is said of every index.
		.filter((finding: string) => !finding.startsWith('unused_index ')).sort();
}

test('the types that are checked in are those of today', { skip: edition.name !== 'extension' && 'they are the extension\'s' }, async () => {
	assert.equal(await generateTypes(database), readFileSync('src/database.types.ts', 'utf8'),
		'src/database.types.ts is stale: run "npm run types"');
});

test(`the advisors accept the ${edition.name}`, async () => {
	assert.deepEqual(await advisors(), edition.accepted);
});

test('and would find what is wrong', async () => {
	await admin.query(`
		CREATE TABLE notes (lesson_id uuid REFERENCES lessons);
		GRANT SELECT ON notes TO anon`);
	assert.deepEqual(await advisors(), [
		...edition.accepted, 'no_primary_key notes', 'rls_disabled_in_public notes', 'unindexed_foreign_keys notes'].sort());
});
