// server.ts: the four requests and what each is answered.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import Mux from '@mux/mux-node';
import { jwtVerify, type JWTPayload } from 'jose';
import { errorCode, queryAs, QueryError, type Database } from './database.js';
import type { Verify } from './verifiers.js';

export interface Options {
	database: Database;
	mux: Mux;
	verify: Verify;
	jwtSecret: string;
	appOrigin: string;
}

interface Answer {
	status: number;
	body: object;
	note?: string;
}

// An answer other than 2xx that is the caller's own doing.
class Refusal extends Error {
	constructor(readonly status: number, message: string) {
		super(message);
	}
}

// Mux sends a few KB.
const maxBody = 1024 * 1024;

// The raw body: any other form of it, re-written JSON above all, has another signature.
async function readBody(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;

	for await (const chunk of request as AsyncIterable<Buffer>) {
		size += chunk.length;
		// Read to the end, but not kept: a sender that is cut off never sees the answer.
		if (size <= maxBody) chunks.push(chunk);
	}
	if (size > maxBody) throw new Refusal(413, `the body is longer than ${maxBody} bytes`);
	try {
		return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
	} catch {
		throw new Refusal(400, 'the body is not UTF-8');
	}
}

// Refuses what no jsonb can hold. The database would, too, but its log would
// quote what stands beside the fault, and that may be the URL of an upload.
function checkJson(body: string): void {
	const check = (text: unknown) => {
		// NUL, and half a surrogate pair.
		if (typeof text === 'string' && /[\0\ud800-\udfff]/u.test(text)) throw new Error();
	};

	try {
		JSON.parse(body, (key, value) => (check(key), check(value), value));
	} catch {
		throw new Refusal(400, 'the body is not JSON that PostgreSQL can hold');
	}
}

// The claims of the access token that Supabase Auth has given the caller.
async function signedIn(request: IncomingMessage, jwtSecret: string): Promise<JWTPayload> {
	const [scheme, token] = (request.headers.authorization ?? '').split(' ');

	if (scheme?.toLowerCase() !== 'bearer' || !token) throw new Refusal(401, 'sign in first');
	try {
		const { payload } = await jwtVerify(token, Buffer.from(jwtSecret), { algorithms: ['HS256'] });

		return payload;
	} catch {
		throw new Refusal(401, 'the access token is not valid, or has expired');
	}
}

// Makes the database's errors with these SQLSTATEs, or classes of them, refusals.
async function refusing<T>(statuses: Record<string, number>, work: Promise<T>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		if (!(error instanceof QueryError)) throw error;

		const status = statuses[error.code] ?? statuses[error.code.slice(0, 2)];

		throw status ? new Refusal(status, error.message) : error;
	}
}

// POST /webhooks/mux. Mux sends again, for a day, whatever is not answered 2xx:
// so only what a second try can solve is 5xx, and all that the database calls
// an outcome (a duplicate, an event of nobody's upload) is 200.
async function webhook({ database, verify }: Options, request: IncomingMessage): Promise<Answer> {
	const body = await readBody(request);
	// Several headers of that name are one, joined; but the type does not know.
	const header = request.headers['mux-signature']?.toString();
	// What is wrong with data stays so.
	const malformed = { 22: 400 };

	if (!(await refusing(malformed, verify(body, header)))) throw new Refusal(401, 'the signature is not valid');

	checkJson(body);

	const { outcome } = await refusing(malformed,
		queryAs<{ outcome: string }>(database, 'service_role', null,
			'SELECT mux_apply_event($1) AS outcome', [body]));

	return { status: 200, body: { outcome }, note: outcome };
}

// POST /lessons/ID/upload, with the service key: where the browser may send
// the video of a lesson.
async function upload({ database, mux, jwtSecret, appOrigin }: Options, request: IncomingMessage, lesson: string): Promise<Answer> {
	const { role } = await signedIn(request, jwtSecret);

	if (role !== 'service_role') throw new Refusal(403, 'only the service key may upload');

	// Events of the upload may come before it is bound to its lesson: they wait.
	// An upload that is never bound expires unused, as nobody has its URL.
	const { id, url } = await mux.video.uploads.create({
		cors_origin: appOrigin,
		new_asset_settings: { playback_policies: ['signed'], passthrough: lesson },
	});

	await refusing({ 22: 400, 23503: 404 },
		queryAs(database, 'service_role', null, 'SELECT FROM mux_begin_upload($1, $2)', [lesson, id]));
	return { status: 201, body: { upload_id: id, url } };
}

// The URL in the body of a request.
function urlIn(body: string): string {
	try {
		const { url } = JSON.parse(body) as { url?: unknown };

		if (typeof url === 'string' && /^https?:$/.test(new URL(url).protocol)) return url;
	} catch {
		// Refused below.
	}
	throw new Refusal(400, 'the body is not {"url": "https://…"}');
}

// POST /lessons/ID/asset, with the service key: the video of a lesson comes from
// a URL. One that the lesson has stays until the new one is ready.
async function asset({ database, mux, jwtSecret }: Options, request: IncomingMessage, lesson: string): Promise<Answer> {
	const { role } = await signedIn(request, jwtSecret);

	if (role !== 'service_role') throw new Refusal(403, 'only the service key may create assets');

	const url = urlIn(await readBody(request));
	const { id } = await mux.video.assets.create({ inputs: [{ url }], playback_policies: ['signed'], passthrough: lesson });
	const bound = await refusing({ 22: 400 },
		queryAs(database, 'service_role', null,
			'UPDATE lessons SET mux_upload_id = NULL, mux_asset_id = $2 WHERE id = $1 RETURNING id', [lesson, id]));

	if (!bound) throw new Refusal(404, 'there is no such lesson');
	return { status: 201, body: { asset_id: id } };
}

interface PlaybackClaims {
	sub: string;
	aud: string;
	exp: number;
}

// GET /lessons/ID/playback, with a learner's token: what the player needs. The
// database says who may watch what and until when; the key to sign that with
// stays here.
async function playback({ database, mux, jwtSecret }: Options, request: IncomingMessage, lesson: string): Promise<Answer> {
	const learner = await signedIn(request, jwtSecret);

	if (learner.role !== 'authenticated' || !learner.sub) throw new Refusal(403, 'only a learner may watch');

	// 55000: its video is not ready.
	const { claims } = await refusing({ 22: 400, 42501: 403, 23503: 404, 55000: 404 },
		queryAs<{ claims: PlaybackClaims }>(database, 'authenticated', learner,
			'SELECT mux_playback_claims($1) AS claims', [lesson]));

	const seconds = claims.exp - Math.floor(Date.now() / 1000);
	const token = await mux.jwt.signPlaybackId(claims.sub, { type: 'video', expiration: `${seconds}s` });

	return { status: 200, body: { playback_id: claims.sub, token } };
}

// The request's route, by name, and its answer.
function route(options: Options, request: IncomingMessage): [string, () => Promise<Answer>] {
	const path = request.url?.split('?')[0] ?? '';
	const [, lesson, action] = /^\/lessons\/([0-9a-f-]{36})\/(upload|asset|playback)$/i.exec(path) ?? [];
	const found = path === '/webhooks/mux' ? 'webhook' : action;
	const refuse = (status: number, message: string) => () => Promise.reject(new Refusal(status, message));

	if (!found) return ['unknown', refuse(404, 'there is nothing here')];
	if (request.method !== (found === 'playback' ? 'GET' : 'POST')) return [found, refuse(405, 'wrong method')];
	if (found === 'webhook') return [found, () => webhook(options, request)];
	if (found === 'upload') return [found, () => upload(options, request, lesson!)];
	if (found === 'asset') return [found, () => asset(options, request, lesson!)];
	return [found, () => playback(options, request, lesson!)];
}

function answerFor(error: unknown): Answer {
	if (error instanceof Refusal) return { status: error.status, body: { error: error.message } };
	if (error instanceof Mux.APIError) return { status: 502, body: { error: 'Mux does not answer as it should' }, note: `Mux ${error.status}` };
	return { status: 503, body: { error: 'try again later' }, note: errorCode(error) };
}

export function makeServer(options: Options): Server {
	const server = createServer(async (request, response) => {
		const [name, run] = route(options, request);
		const { status, body, note = '' } = await run().catch(answerFor);

		// One line a request: no secret, no URL, nothing of a body.
		console.log(`${name} ${status} ${note}`.trim());
		request.resume();
		response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body) + '\n');
	});

	// As long as a sender may take over one request.
	server.requestTimeout = 30_000;
	return server;
}
