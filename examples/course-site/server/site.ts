// site.ts: starts all that the site needs, on loopback: a database with the library and the
// demo in it, PostgREST, a server of the page, and one that issues certificates.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type pg from 'pg';
import { preview, type PreviewServer } from 'vite';
import { certify } from '../../supabase-app/src/instructor.js';
import { connect, makeDatabase, startApi, token, type Api } from '../../supabase-app/test/world.js';
import { makeCourses, makePeople, makeVideos } from './demo.js';

const database = 'course_site';
const built = 'dist/site';

export interface Site {
	url: string;
	admin: pg.Client;
	api: Api;
	people: Record<'ada' | 'ben' | 'iris', string>;
	courses: Record<'joints' | 'oil' | 'chairs', string>;
	stop(): Promise<void>;
}

async function setUp(admin: pg.Client): Promise<void> {
	const owner = await connect(database, 'project_owner');

	await owner.query(readFileSync('server/setup.sql', 'utf8'));
	await owner.end();
	// The library lets thirty seconds of grace count. These videos are shorter than that.
	await admin.query(`ALTER DATABASE ${database} SET content_library.watch_grace = '2s'`);
	await admin.query(`ALTER DATABASE ${database} SET content_library.heartbeat_interval = '1s'`);
}

// Who completes a course gets a certificate, under the name that the server knows.
async function issueCertificates(admin: pg.Client, api: Api): Promise<void> {
	admin.on('notification', async ({ payload }) => {
		const { course_id, user_id } = JSON.parse(payload!);
		const { rows: [profile] } = await admin.query('SELECT name FROM profiles WHERE user_id = $1', [user_id]);

		await certify(api.service, course_id, user_id, profile.name);
	});
	await admin.query('LISTEN content_library');
}

// What stands for signing in: a token for each of the people.
async function writePeople(people: Site['people']): Promise<void> {
	const describe = async (id: string, name: string, about: string, tier = 'free') => ({
		id, name, about,
		token: await token({ aud: 'authenticated', role: 'authenticated', sub: id, app_metadata: { tier } }, 12 * 3600),
	});

	await writeFile(`${built}/people.json`, JSON.stringify({
		anonKey: await token({ role: 'anon' }, 12 * 3600),
		people: await Promise.all([
			describe(people.ada, 'Ada', 'A new learner, who has not enrolled in anything yet.'),
			describe(people.ben, 'Ben', 'A learner with a pro subscription, in the middle of two courses.', 'pro'),
			describe(people.iris, 'Iris', 'An instructor: editor of one course, viewer of another.'),
		]),
	}));
}

// The server of the page, and of the API under the same address.
const startServer = (api: Api): Promise<PreviewServer> => preview({
	logLevel: 'warn',
	build: { outDir: built },
	preview: {
		host: '127.0.0.1',
		// Before PostgREST, Supabase has a gateway that takes off /rest/v1.
		proxy: { '/rest/v1': { target: api.url, rewrite: (path) => path.replace('/rest/v1', '') } },
	},
});

export async function startSite(): Promise<Site> {
	const { admin } = await makeDatabase(database);
	let api: Api | undefined;
	let server: PreviewServer | undefined;

	async function stop(): Promise<void> {
		await server?.close();
		await api?.stop();
		await admin.end();
	}

	try {
		await setUp(admin);
		api = await startApi(database);
		const courses = await makeCourses(api.service);
		const people = await makePeople(admin, courses);

		await admin.query(readFileSync('server/learners.sql', 'utf8'));
		await issueCertificates(admin, api);
		await writePeople(people);
		await makeVideos(`${built}/videos`);
		server = await startServer(api);
		return { url: server.resolvedUrls!.local[0]!, admin, api, people, courses, stop };
	} catch (error) {
		// What is left running would keep this process from ending.
		await stop();
		throw error;
	}
}
