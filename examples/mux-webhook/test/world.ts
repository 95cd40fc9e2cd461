// world.ts: what the test needs around the server: a database with courses and
// learners, a stand-in for Mux's API host, and the server as a process.
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import pg from 'pg';

const database = 'mux_webhook';
const role = 'app_server';

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const publicKey: KeyObject = keys.publicKey;

// None of these may ever be logged.
const secret = () => randomBytes(24).toString('hex');
export const secrets = {
	tokenSecret: secret(),
	jwt: secret(),
	webhook: secret(),
	rotated: secret(),
	upload: secret(),
	privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

export async function connect(name = database): Promise<pg.Client> {
	const client = new pg.Client({ database: name });

	await client.connect();
	return client;
}

// How a server connects: the role that it logs in as has no rights of its own.
export const login = { PGUSER: role, PGDATABASE: database, PGPASSWORD: '' };

export async function makeDatabase(): Promise<pg.Client> {
	if (!process.env.CONTENT_LIBRARY_CLUSTER) throw new Error('run this with "npm test": it needs a throw-away cluster');

	const server = await connect('postgres');
	const { rows: [{ hba_file }] } = await server.query('SHOW hba_file');

	await server.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
	await server.query(`DROP ROLE IF EXISTS ${role}`);
	await server.query(`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
	await server.query(`CREATE ROLE ${role} LOGIN NOINHERIT`);
	writeFileSync(hba_file, `local ${database} ${role} trust\n` + readFileSync(hba_file, 'utf8'));
	await server.query('SELECT pg_reload_conf()');
	await server.end();

	const admin = await connect();

	await admin.query(readFileSync('../../test/supabase.sql', 'utf8'));
	await admin.query(`CREATE EXTENSION content_library; GRANT authenticated, service_role TO ${role}`);
	return admin;
}

// A published course with one module and a lesson for each name given.
export async function makeCourse(admin: pg.Client, slug: string, lessons: string[]): Promise<{ course: string; lessons: string[] }> {
	const { rows: [{ course, ids }] } = await admin.query(
		`WITH course AS (INSERT INTO courses (title, slug, is_published) VALUES ($1, $1, true) RETURNING id),
			module AS (INSERT INTO modules (course_id, title) SELECT id, $1 FROM course RETURNING id),
			lesson AS (INSERT INTO lessons (module_id, title, sort_order)
				SELECT module.id, name, number FROM module, unnest($2::text[]) WITH ORDINALITY AS n(name, number)
				RETURNING id, sort_order)
		SELECT (SELECT id FROM course) AS course, (SELECT array_agg(id ORDER BY sort_order) FROM lesson) AS ids`,
		[slug, lessons]);

	return { course, lessons: ids };
}

// A learner's id, enrolled in the courses given.
export async function makeLearner(admin: pg.Client, ...courses: string[]): Promise<string> {
	const { rows: [{ id }] } = await admin.query('INSERT INTO auth.users (id) VALUES (gen_random_uuid()) RETURNING id');

	await admin.query('INSERT INTO enrollments (user_id, course_id) SELECT $1, unnest($2::uuid[])', [id, courses]);
	return id;
}

// An access token, as Supabase Auth makes them.
export async function accessToken(claims: object, key = secrets.jwt, seconds = 3600): Promise<string> {
	return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
		.setExpirationTime(Math.floor(Date.now() / 1000) + seconds).sign(Buffer.from(key));
}

// Mux's API host: makes uploads and assets, with the ids that it is told.
export interface MuxHost {
	url: string;
	nextIds: string[];
	requests: { authorization: string | undefined; body: unknown }[];
	close(): void;
}

export async function startMuxHost(): Promise<MuxHost> {
	const host: MuxHost = { url: '', nextIds: [], requests: [], close: () => server.close() };
	const server: Server = createServer(async (request, response) => {
		let text = '';

		for await (const chunk of request) text += chunk;

		const body = text && JSON.parse(text);
		const id = host.nextIds.shift();
		const isAsset = request.url === '/video/v1/assets';
		const known = request.method === 'POST' && (isAsset || request.url === '/video/v1/uploads') && id;

		host.requests.push({ authorization: request.headers.authorization, body });
		response.writeHead(known ? 201 : 400, { 'content-type': 'application/json' });
		response.end(JSON.stringify(known && isAsset
			? { data: { id, status: 'preparing', ...body } }
			: known
			? { data: { id, url: `https://uploads.example/${id}?signature=${secrets.upload}`, status: 'waiting', timeout: 3600, ...body } }
			: { error: { type: 'invalid_parameters', messages: ['no such thing'] } }));
	});

	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	host.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return host;
}

// The server, as "npm start" runs it; its log is all that it has printed.
export interface App {
	url: string;
	log(): string;
	// Its exit status: its own, if it has ended by itself.
	stop(): Promise<number | null>;
}

export async function startApp(environment: Record<string, string>): Promise<App> {
	const { PATH, PGHOST, PGPORT } = process.env;
	const app = spawn(process.execPath, ['dist/src/main.js'], {
		env: {
			PATH, PGHOST, PGPORT, ...login,
			PORT: '0',
			MUX_TOKEN_ID: 'token-id',
			MUX_TOKEN_SECRET: secrets.tokenSecret,
			MUX_SIGNING_KEY: 'signing-key-id',
			MUX_PRIVATE_KEY: Buffer.from(secrets.privateKey).toString('base64'),
			MUX_WEBHOOK_SECRET: `${secrets.rotated},${secrets.webhook}`,
			SUPABASE_JWT_SECRET: secrets.jwt,
			APP_ORIGIN: 'https://app.example',
			...environment,
		},
	});
	const exited = once(app, 'close').then(([code]) => code as number | null);
	let log = '';

	for (const stream of [app.stdout, app.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
	await Promise.race([exited, new Promise<void>((resolve) => {
		app.stdout.on('data', () => log.includes('listening') && resolve());
	})]);
	return {
		url: `http://127.0.0.1:${/listening on port (\d+)/.exec(log)?.[1]}`,
		log: () => log,
		stop: () => (app.kill('SIGTERM'), exited),
	};
}
