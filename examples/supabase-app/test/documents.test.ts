// documents.test: the JavaScript in the documents, block by block, through a real PostgREST, after their SQL.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createClient, type SupabaseClientOptions } from '@supabase/supabase-js';
import type pg from 'pg';
import { edition, makeDatabase, startApi, type Api } from './world.js';

const database = 'documents';
const ann = 'a0000000-0000-4000-8000-000000000001';
const ben = 'a0000000-0000-4000-8000-000000000002';
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

function blocks(file: string, language: string): { where: string; text: string }[] {
	const document = readFileSync(`../../${file}`, 'utf8');

	return [...document.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))]
		.map((block) => ({ where: `${file}:${document.slice(0, block.index).split('\n').length + 1}`, text: block[1]! }));
}

// The SQL edition is there already, and has no check.
const isTried = ({ text }: { text: string }) => edition.name === 'extension' ? !/CREATE EXTENSION/.test(text) : !/CREATE EXTENSION|content_library_check/.test(text);

let admin: pg.Client;
let api: Api;
let scope: Record<string, unknown>;
let refused: string[] = [];

// Supabase Auth is not here: it signs everybody in, and says of everybody what it was told.
async function auth(request: Request): Promise<Response> {
	const { pathname, searchParams } = new URL(request.url);
	const asked = `${request.method} ${pathname} ${searchParams.get('grant_type') ?? ''}`;
	const body = await request.json();

	if (asked === 'POST /auth/v1/token password') return Response.json({ access_token: 'a.b.c', refresh_token: 'r', token_type: 'bearer', expires_in: 3600, user: { id: ann, email: body.email } });
	if (asked === `PUT /auth/v1/admin/users/${ann} `) return Response.json({ id: ann, ...body });
	return new Response(asked, { status: 404 });
}

// What a block finds: clients, ids, a player, Mux and Stripe.
async function makeScope(): Promise<Record<string, unknown>> {
	const { rows: [ids] } = await admin.query(`
		SELECT c.id AS course_id, m.id AS module_id, l.id AS lesson_id, before.id AS before,
			(SELECT id FROM courses WHERE slug = 'chairs') AS another_course_id
		FROM courses AS c JOIN modules AS m ON m.course_id = c.id JOIN lessons AS l ON l.module_id = m.id
		JOIN lessons AS before ON before.module_id = m.id
		WHERE l.title = 'The dovetail' AND before.title = 'The mortise'`);
	// A slug that a block takes again.
	await admin.query("UPDATE courses SET slug = 'chairs-1' WHERE slug = 'chairs'");
	const event = {
		type: 'video.asset.ready', id: 'event-9', created_at: '2026-02-05T18:00:00Z',
		data: { id: 'asset-9', upload_id: 'upload-9', status: 'ready', duration: 540, playback_ids: [{ id: 'playback-9', policy: 'signed' }] },
	};
	const raw = JSON.stringify({ ...event, id: 'event-10' });
	const seconds = Math.floor(Date.now() / 1000);
	const signature = createHmac('sha256', 'secret').update(`${seconds}.${raw}`).digest('hex');
	const learner = { sub: ann, aal: 'aal2', app_metadata: { tier: 'pro', organisation: 'north' } };

	return {
		...ids, supabase: await api.signedIn(learner), admin: api.service, visitor: api.anon, user_id: ann, user_ids: [ann, ben],
		first: ids.lesson_id, second: ids.before, upload_id: 'upload-9', upload: { id: 'upload-9' }, event, raw, secret: 'secret',
		request: { headers: { 'mux-signature': `t=${seconds},v1=${signature}` } },
		video: { currentTime: 70, played: { length: 2, start: (n: number) => 60 * n, end: (n: number) => 60 * n + 10 } },
		stripe: { subscriptions: { retrieve: async () => ({
			status: 'active', metadata: { user_id: ann, course_id: ids.course_id }, items: { data: [{ current_period_end: 4102444800 }] },
		}) } },
		subscription_id: 'sub_1', celebrate: () => {},
		url: api.url, anon_key: 'anon', service_key: 'service', email: 'ann@example.com', password: 'secret',
		// Node has no WebSocket of its own before 22.
		createClient: (url: string, key: string, options: SupabaseClientOptions<'public'> = {}) =>
			createClient(url, key, { ...options, realtime: { transport: class {} as never } }),
	};
}

// Ann has completed the course, whatever a block before has done.
async function begin(): Promise<void> {
	await admin.query(`
		UPDATE courses SET is_open = true, is_published = true, is_sequential = false, access_period = NULL WHERE slug = 'woodworking';
		UPDATE lessons SET progress_by = NULL, unlock_after = NULL, duration_seconds = 540 WHERE title IN ('The dovetail', 'The mortise');
		DELETE FROM course_staff;
		DELETE FROM certificates;
		DELETE FROM course_prerequisites;
		DELETE FROM enrollments;
		SELECT enroll(id, '${ann}') FROM courses WHERE slug = 'woodworking';
		SELECT record_progress(lessons.id, watched_pct => 100, user_id => '${ann}')
		FROM lessons JOIN modules ON modules.id = module_id JOIN courses ON courses.id = course_id
		WHERE slug = 'woodworking' AND is_required`);
	const { rows: [certificate] } = await admin.query(`
		SELECT code FROM courses, issue_certificate(courses.id, '${ann}', 'Ann Example') WHERE slug = 'woodworking'`);

	scope.code = certificate.code;
}

before(async () => {
	({ admin } = await makeDatabase(database));
	execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', database, '-f', '-'], {
		input: ['README.md', 'docs/recipes.md'].flatMap((file) => blocks(file, 'sql')).filter(isTried).map(({ text }) => text).join('\n'),
		stdio: ['pipe', 'ignore', 'pipe'],
	});
	api = await startApi(database);
	const request = globalThis.fetch;

	globalThis.fetch = async (...args) => {
		const response = String(args[0]).includes('/auth/v1/') ? await auth(new Request(...args)) : await request(...args);

		if (!response.ok) refused.push(`${response.status} ${await response.clone().text()}`);
		return response;
	};
	scope = await makeScope();
});

after(async () => {
	await api?.stop();
	await admin?.end();
});

describe(`the documents, on the ${edition.name}`, () => {
	for (const file of ['README.md', 'docs/recipes.md', 'docs/mux.md']) {
		for (const block of blocks(file, 'js').filter(isTried)) {
			// Realtime is not here.
			test(block.where, { skip: block.text.includes('.channel(') && 'needs Realtime' }, async () => {
				await begin();
				refused = [];
				await new AsyncFunction(...Object.keys(scope), `{\n${block.text}\n}`)(...Object.values(scope));
				assert.deepEqual(refused, [], block.text);
			});
		}
	}

	test('an event of Stripe that comes twice changes nothing', async () => {
		const block = blocks('docs/recipes.md', 'js').find(({ text }) => text.includes('stripe.subscriptions'))!;
		const handle = async () => {
			await new AsyncFunction(...Object.keys(scope), block.text)(...Object.values(scope));
			return (await admin.query(`SELECT * FROM enrollments WHERE user_id = '${ann}' ORDER BY id`)).rows;
		};

		await begin();
		const once = await handle();
		assert.deepEqual(once.map(({ granted, expires_at }) => [granted, expires_at.getUTCFullYear()]), [[true, 2100]]);
		assert.deepEqual(await handle(), once);
	});

	test('of rows the API sends the first 1,000, and says nothing of the others', async () => {
		await begin();
		const { admin: service, course_id, lesson_id } = scope as Record<string, any>;
		const { rows: learners } = await admin.query(`
			WITH learners AS (INSERT INTO auth.users (id) SELECT gen_random_uuid() FROM generate_series(1, 1100) RETURNING id)
			INSERT INTO enrollments (user_id, course_id) SELECT id, '${course_id}' FROM learners RETURNING user_id`);
		const report = await service.rpc('course_report', { course_id });

		assert.deepEqual([report.error, report.data.length], [null, 1000]);
		const batch = await service.rpc('record_progress_batch', { reports: learners.map(({ user_id }) => ({ user_id, lesson_id, watched_pct: 1 })) });

		assert.deepEqual([batch.error, batch.data.length], [null, 1000]);
		const { rows: [{ count }] } = await admin.query('SELECT count(*)::integer FROM content_progress WHERE lesson_id = $1 AND user_id = ANY ($2)',
			[lesson_id, learners.map(({ user_id }) => user_id)]);

		assert.equal(count, 1100, 'though all are recorded');
		const all = blocks('docs/recipes.md', 'js').find(({ text }) => text.includes('const learners = []'))!;
		const read = await new AsyncFunction(...Object.keys(scope), `${all.text}; return learners`)(...Object.values(scope));

		assert.equal(new Set(read.map(({ user_id }: { user_id: string }) => user_id)).size, 1101, 'the pages have all');
	});

	test('what the reference says of PostgREST\'s own errors', async () => {
		await begin();
		const { supabase, visitor, course_id } = scope as Record<string, any>;
		const said = async (call: PromiseLike<{ error: any; status: number }>) => {
			const { error, status } = await call;

			return [error?.code, status];
		};

		assert.deepEqual(await said(supabase.rpc('course_completion', { course: course_id })), ['PGRST202', 404]);
		assert.deepEqual(await said(supabase.rpc('no_such_function')), ['PGRST202', 404]);
		assert.deepEqual(await said(supabase.rpc('course_completion', { course_id: 'woodworking' })), ['22P02', 400]);
		assert.deepEqual(await said(supabase.rpc('enroll', { course_id }, { get: true })), ['25006', 405]);
		assert.deepEqual(await said(visitor.rpc('enroll', { course_id })), ['42501', 401]);
		await supabase.rpc('unenroll', { course_id }).throwOnError();
		assert.deepEqual(new Set(Object.values((await supabase.rpc('unenroll', { course_id }).throwOnError()).data)), new Set([null]), 'a second call');
		assert.deepEqual(await said(supabase.rpc('issue_certificate', { course_id, user_id: ann, learner_name: 'Ann' })), ['42501', 403]);
	});
});
