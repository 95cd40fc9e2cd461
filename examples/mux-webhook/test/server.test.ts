// server.test: the server as a process, with the real SDK, on a real cluster,
// over loopback; both ways of verifying are asked the same.
import assert from 'node:assert/strict';
import { createHmac, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { openDatabase, queryAs } from '../src/database.js';
import {
	accessToken, connect, login, makeCourse, makeDatabase, makeLearner, publicKey, secrets, startApp, startMuxHost,
	type App, type MuxHost,
} from './world.js';

type Bytes = Uint8Array<ArrayBuffer>;

const now = () => Math.floor(Date.now() / 1000);

// Mux's signature, worked out here a second time.
function signature(body: string | Bytes, secret: string, at = now()): string {
	return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex')}`;
}

// Events in the form in which Mux sends them.
let events = 0;
function event(type: string, data: object): string {
	const second = String(events % 60).padStart(2, '0');

	return JSON.stringify({
		type,
		id: `00000000-0000-4000-8000-${String(++events).padStart(12, '0')}`,
		object: { type: type.split('.')[1], id: (data as { id?: string }).id },
		environment: { name: 'Production', id: 'abc' },
		data,
		created_at: `2026-01-01T00:${String(Math.floor(events / 60)).padStart(2, '0')}:${second}.000000Z`,
		attempts: [],
		request_id: null,
	});
}

// What Mux tells of a video: its upload, its asset, and that it is ready.
function story(name: string): string[] {
	const upload = { id: `${name}-upload`, status: 'waiting', timeout: 3600, url: `https://uploads.example/?signature=${secrets.upload}` };
	const asset = {
		id: `${name}-asset`, upload_id: upload.id, status: 'preparing',
		playback_ids: [{ policy: 'signed', id: `${name}-playback` }], created_at: 1767225600,
	};

	return [
		event('video.upload.created', upload),
		event('video.upload.asset_created', { ...upload, status: 'asset_created', asset_id: asset.id }),
		event('video.asset.created', asset),
		event('video.asset.ready', { ...asset, status: 'ready', duration: 153.361542 }),
	];
}

const pending = { status: 'pending', asset: null, playback: null, seconds: null };
const processing = (name: string) => ({ ...pending, status: 'processing', asset: `${name}-asset` });
const ready = (name: string) => ({ status: 'ready', asset: `${name}-asset`, playback: `${name}-playback`, seconds: 153 });

let admin: pg.Client;
let muxHost: MuxHost;
let serviceKey: string;

before(async () => {
	admin = await makeDatabase();
	muxHost = await startMuxHost();
	serviceKey = await accessToken({ role: 'service_role' });
});

after(async () => {
	muxHost?.close();
	await admin?.end();
});

for (const verifier of ['sdk', 'database']) {
	describe(`verified by the ${verifier}`, () => {
		const name = (what: string) => `${verifier}-${what}`;
		let app: App;
		let course: string;
		let lessons: string[];

		before(async () => {
			({ course, lessons } = await makeCourse(admin, verifier,
				['ordered', 'early', 'down', 'cut', 'slow', 'empty', 'replaced']));
			app = await startApp({ WEBHOOK_VERIFIER: verifier, MUX_BASE_URL: muxHost.url });
		});
		after(() => app?.stop());

		async function call(path: string, options: RequestInit = {}) {
			const response = await fetch(app.url + path, options);

			return { status: response.status, body: await response.json() as Record<string, string> };
		}

		// What a webhook is answered: a status, or 200 and an outcome.
		async function deliver(body: string | Bytes, header: string | null = signature(body, secrets.webhook)) {
			const answer = await call('/webhooks/mux', {
				method: 'POST', body, headers: header === null ? {} : { 'Mux-Signature': header },
			});

			return answer.status === 200 ? answer.body.outcome : answer.status;
		}

		async function upload(lesson: string, id: string, token = serviceKey) {
			muxHost.nextIds = [id];
			return call(`/lessons/${lesson}/upload`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
		}

		async function ingest(lesson: string, id: string, body = '{"url": "https://files.example/lesson.mp4"}', token = serviceKey) {
			muxHost.nextIds = [id];
			return call(`/lessons/${lesson}/asset`, { method: 'POST', body, headers: { authorization: `Bearer ${token}` } });
		}

		async function play(lesson: string, token: string) {
			return call(`/lessons/${lesson}/playback`, { headers: { authorization: `Bearer ${token}` } });
		}

		async function video(lesson: string) {
			const { rows } = await admin.query(
				`SELECT mux_status AS status, mux_asset_id AS asset, mux_playback_id AS playback, duration_seconds AS seconds
				FROM lessons WHERE id = $1`, [lesson]);

			return rows[0];
		}

		test('an upload, and its events in order', async () => {
			const lesson = lessons[0]!;
			const [created, assetCreated, asset, done] = story(name('ordered')) as [string, string, string, string];
			const answer = await upload(lesson, name('ordered-upload'));

			assert.equal(answer.status, 201);
			assert.deepEqual(answer.body, {
				upload_id: name('ordered-upload'),
				url: `https://uploads.example/${name('ordered-upload')}?signature=${secrets.upload}`,
			});
			assert.deepEqual(muxHost.requests.at(-1), {
				authorization: 'Basic ' + Buffer.from(`token-id:${secrets.tokenSecret}`).toString('base64'),
				body: { cors_origin: 'https://app.example', new_asset_settings: { playback_policies: ['signed'], passthrough: lesson } },
			});

			assert.deepEqual(await video(lesson), pending);
			assert.equal(await deliver(created), 'noop');
			assert.deepEqual(await video(lesson), pending);
			assert.equal(await deliver(assetCreated), 'applied');
			assert.deepEqual(await video(lesson), processing(name('ordered')));
			assert.equal(await deliver(asset), 'noop');
			assert.equal(await deliver(done), 'applied');
			assert.deepEqual(await video(lesson), ready(name('ordered')));
		});

		test('events that come backwards, before the upload is bound, and more than once', async () => {
			const lesson = lessons[1]!;
			const backwards = story(name('early')).reverse();
			const first = await Promise.all(Array.from({ length: 8 }, () => deliver(backwards[0]!)));

			assert.deepEqual(first.sort(), [...Array(7).fill('duplicate'), 'unmatched']);
			for (const body of backwards.slice(1)) assert.equal(typeof await deliver(body), 'string');
			assert.deepEqual(await video(lesson), pending);
			assert.equal((await upload(lesson, name('early-upload'))).status, 201);
			assert.deepEqual(await video(lesson), ready(name('early')));
			for (const body of backwards) assert.equal(await deliver(body), 'duplicate');

			// As Mux sends it again: the body is another one, the event is not.
			const again = backwards[0]!.replace('"attempts":[]', '"attempts":[{"response_status_code":503}]');

			assert.notEqual(again, backwards[0]);
			assert.equal(await deliver(again), 'duplicate');
			assert.deepEqual(await video(lesson), ready(name('early')));
		});

		test('a video that is replaced, by an upload that fails and by a URL, stays until the new one is ready', async () => {
			const lesson = lessons[6]!;
			const old = ready(name('replaced'));
			const url = (type: string, status: string, data = {}) => event(type, {
				id: name('url-asset'), status, passthrough: lesson, playback_ids: [{ policy: 'signed', id: name('url-playback') }], ...data,
			});

			assert.equal((await upload(lesson, name('replaced-upload'))).status, 201);
			for (const body of story(name('replaced'))) assert.equal(typeof await deliver(body), 'string');
			assert.deepEqual(await video(lesson), old);

			assert.equal((await upload(lesson, name('failed-upload'))).status, 201);
			assert.equal(await deliver(event('video.upload.errored', { id: name('failed-upload'), error: { type: 'failed', message: 'no' } })), 'noop');
			assert.deepEqual(await video(lesson), old);

			const answer = await ingest(lesson, name('url-asset'));

			assert.deepEqual(answer, { status: 201, body: { asset_id: name('url-asset') } });
			assert.deepEqual(muxHost.requests.at(-1)!.body,
				{ inputs: [{ url: 'https://files.example/lesson.mp4' }], playback_policies: ['signed'], passthrough: lesson });
			assert.deepEqual(await video(lesson), { ...old, asset: name('url-asset') });
			assert.equal(await deliver(url('video.asset.created', 'preparing')), 'noop');
			assert.deepEqual(await video(lesson), { ...old, asset: name('url-asset') });
			assert.equal(await deliver(url('video.asset.ready', 'ready', { duration: 60 })), 'applied');
			assert.deepEqual(await video(lesson), { status: 'ready', asset: name('url-asset'), playback: name('url-playback'), seconds: 60 });
			// The old one is not needed any more.
			assert.equal(await deliver(event('video.asset.deleted', { id: name('replaced-asset') })), 'noop');
			assert.equal((await video(lesson)).playback, name('url-playback'));
		});

		test('an asset of a URL is for the service key, and for a lesson that there is', async () => {
			const learner = await accessToken({ role: 'authenticated', sub: await makeLearner(admin, course) });

			assert.equal((await ingest(lessons[5]!, name('no-asset'), undefined, learner)).status, 403);
			assert.equal((await ingest('00000000-0000-4000-8000-000000000000', name('no-asset'))).status, 404);
			for (const body of ['', '{}', '{"url": 5}', '{"url": "file:///etc/passwd"}', '{"url": "lesson.mp4"}']) {
				assert.equal((await ingest(lessons[5]!, name('no-asset'), body)).status, 400, body);
			}
			assert.deepEqual(await video(lessons[5]!), pending);
		});

		test('an upload is for the service key, and for a lesson that there is', async () => {
			const learner = await accessToken({ role: 'authenticated', sub: await makeLearner(admin, course) });
			const nobody = '00000000-0000-4000-8000-000000000000';

			assert.equal((await upload(lessons[5]!, name('refused'), learner)).status, 403);
			assert.equal((await upload(lessons[5]!, name('refused'), 'no.such.token')).status, 401);
			assert.equal((await upload(nobody, name('refused'))).status, 404);
			// The stand-in knows no such upload.
			muxHost.nextIds = [];
			assert.equal((await call(`/lessons/${lessons[5]}/upload`, {
				method: 'POST', headers: { authorization: `Bearer ${serviceKey}` },
			})).status, 502);
			assert.deepEqual(await video(lessons[5]!), pending);
		});

		describe('what each webhook is answered', () => {
			const body = event('video.asset.ready', { id: name('nobody'), status: 'ready' });
			const withTitle = (title: string) =>
				event('video.asset.ready', { id: name('titled'), status: 'ready', meta: { title: 'TITLE' } }).replace('TITLE', title);
			const good = signature(body, secrets.webhook);
			const signed = (text: string | Bytes) => [text, signature(text, secrets.webhook)] as const;

			const requests: [string, readonly [string | Bytes, string | null], string | number][] = [
				['signed with either secret', [body, signature(body, secrets.rotated)], 'unmatched'],
				['the same, with the other', [body, good], 'duplicate'],
				['one of two signatures is right', [body, good.replace('v1=', 'v1=00,v1=')], 'duplicate'],
				['almost too old', [body, signature(body, secrets.webhook, now() - 280)], 'duplicate'],
				['of the future, which Mux never is', [body, signature(body, secrets.webhook, now() + 400)],
					verifier === 'sdk' ? 'duplicate' : 401],
				['a type that does not count', signed(event('video.asset.track.ready', { id: name('track') })), 'ignored'],
				['a title in many scripts', signed(withTitle('Größe 日本 🎓')), 'unmatched'],

				['no header', [body, null], 401],
				['an empty header', [body, ''], 401],
				['a header that is none', [body, 'sha256=abc'], 401],
				['no v1', [body, `t=${now()}`], 401],
				['no time', [body, good.replace(/t=\d+,/, '')], 401],
				['another secret', [body, signature(body, 'another')], 401],
				['an empty secret', [body, signature(body, '')], 401],
				['both secrets as one', [body, signature(body, `${secrets.rotated},${secrets.webhook}`)], 401],
				['another body', [body.replace('ready', 'errored'), good], 401],
				['the same JSON, written otherwise', [JSON.stringify(JSON.parse(body), null, 1), good], 401],
				['another time', [body, good.replace(/t=\d+/, `t=${now() - 1}`)], 401],
				['too old', [body, signature(body, secrets.webhook, now() - 320)], 401],
				['neither signed nor JSON', ['{', null], 401],

				['not JSON', signed('{"type": '), 400],
				['empty', signed(''), 400],
				['an array', signed('[]'), 400],
				['null', signed('null'), 400],
				['an empty object', signed('{}'), 400],
				['no id', signed(body.replace('"id"', '"no_id"')), 400],
				['no data.id', signed(event('video.asset.ready', { status: 'ready' })), 400],
				['\\u0000 in a title', signed(withTitle('a\\u0000b')), 400],
				['\\u0000 in a name', signed(body.replace('"status"', '"a\\u0000b"')), 400],
				['a backslash before u0000', signed(withTitle('a\\\\u0000b')), 'unmatched'],
				['half a surrogate pair', signed(withTitle('\\ud800')), 400],
				['a NUL', signed(withTitle('a\0b')), 400],
				['not UTF-8', signed(new Uint8Array([...Buffer.from(body), 0xff])), 400],
				['nested too deep', signed(body.replace('[]', '['.repeat(250_000) + ']'.repeat(250_000))), 400],
				['5 MB', signed(withTitle('x'.repeat(5_000_000))), 413],
				['5 MB of a forger', [withTitle('x'.repeat(5_000_000)), null], 413],
			];

			for (const [what, [text, header], expected] of requests) {
				test(what, async () => assert.equal(await deliver(text, header), expected));
			}

			test('what no jsonb can hold is not even shown to the database', async () => {
				for (const text of ['{', withTitle('\\u0000'), withTitle('\\udfff'), body.replace('status', 'a\\u0000b')]) {
					const answer = await call('/webhooks/mux', {
						method: 'POST', body: text, headers: { 'Mux-Signature': signature(text, secrets.webhook) },
					});

					assert.equal(answer.body.error, 'the body is not JSON that PostgreSQL can hold');
				}
			});
			test('a header of 100 KB', async () => {
				const response = await fetch(`${app.url}/webhooks/mux`, {
					method: 'POST', body, headers: { 'Mux-Signature': good + ',v1='.padEnd(100_000, '0') },
				});

				assert.equal(response.status, 431);
			});
			test('not a webhook at all', async () => {
				assert.equal((await call('/webhooks/mux')).status, 405);
				assert.equal((await call('/webhooks', { method: 'POST', body })).status, 404);
				assert.equal((await call('/lessons/1/playback')).status, 404);
			});
			test('none of them has changed a lesson', async () => {
				assert.deepEqual(await video(lessons[0]!), ready(name('ordered')));
				assert.deepEqual(await video(lessons[5]!), pending);
			});
		});

		// From another database: this one cannot be closed from inside.
		async function allowConnections(allowed: boolean) {
			const server = await connect('postgres');

			await server.query(`ALTER DATABASE ${login.PGDATABASE} ALLOW_CONNECTIONS ${allowed}`);
			await server.end();
		}

		// Every connection of the server, ended.
		const cut = () => admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [login.PGUSER]);

		test('a database that is away: Mux is to send again, and then it counts', async () => {
			const [created, assetCreated, , done] = story(name('down')) as [string, string, string, string];
			const forged = signature(done, 'another');
			const learner = await accessToken({ role: 'authenticated', sub: await makeLearner(admin, course) });

			assert.equal((await upload(lessons[2]!, name('down-upload'))).status, 201);
			assert.equal(await deliver(created), 'noop');
			await allowConnections(false);
			await cut();
			assert.equal(await deliver(assetCreated), 503);
			assert.equal(await deliver(done), 503);
			assert.equal((await play(lessons[0]!, learner)).status, 503);
			// Only the SDK can tell without the database.
			assert.equal(await deliver(done, forged), verifier === 'sdk' ? 401 : 503);
			await allowConnections(true);
			assert.deepEqual(await video(lessons[2]!), pending);
			assert.equal(await deliver(done), 'applied');
			assert.equal(typeof await deliver(assetCreated), 'string');
			assert.deepEqual(await video(lessons[2]!), ready(name('down')));
		});

		// Resolves when the server waits for a lock.
		async function waiting() {
			const sql = "SELECT FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'";

			for (let tries = 0; (await admin.query(sql, [login.PGUSER])).rowCount === 0; tries++) {
				assert.ok(tries < 200, 'the server waits for the lock');
				await sleep(20);
			}
		}

		test('a transaction that is cut, or waits too long, leaves nothing behind', async () => {
			const cases = [['cut', lessons[3]!, cut], ['slow', lessons[4]!, async () => {}]] as const;
			const locker = await connect();

			try {
				for (const [what, lesson, then] of cases) {
					const done = story(name(what))[3]!;

					assert.equal((await upload(lesson, name(`${what}-upload`))).status, 201);
					await locker.query('BEGIN; LOCK TABLE lessons IN EXCLUSIVE MODE');

					const answer = deliver(done);

					await waiting();
					await then();
					assert.equal(await answer, 503, what);
					await locker.query('ROLLBACK');
					assert.equal(await deliver(done), 'applied', what);
					assert.deepEqual(await video(lesson), ready(name(what)), what);
				}
			} finally {
				await locker.end();
			}
		});

		test('a playback token', async () => {
			const learner = { role: 'authenticated', aud: 'authenticated', sub: await makeLearner(admin, course) };
			const stranger = { ...learner, sub: await makeLearner(admin) };
			// What follows is asked with a learner's rights alone.
			await admin.query('REVOKE EXECUTE ON FUNCTION mux_playback_claims FROM service_role');

			const { status, body } = await play(lessons[0]!, await accessToken(learner));
			const [header, payload, seal] = body.token!.split('.') as [string, string, string];
			const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());

			assert.equal(status, 200);
			assert.equal(body.playback_id, name('ordered-playback'));
			assert.equal(JSON.parse(Buffer.from(header, 'base64url').toString()).alg, 'RS256');
			assert.ok(verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(seal, 'base64url')));
			assert.deepEqual(claims, { sub: name('ordered-playback'), aud: 'v', exp: claims.exp, kid: 'signing-key-id' });
			// Six hours, as mux_playback_claims says.
			assert.ok(Math.abs(claims.exp - now() - 6 * 3600) < 60, `exp is ${claims.exp}`);

			assert.equal((await play(lessons[0]!, await accessToken(stranger))).status, 403, 'not enrolled');
			assert.equal((await play(lessons[0]!, serviceKey)).status, 403, 'not a learner');
			assert.equal((await play(lessons[0]!, await accessToken({ ...learner, role: 'anon' }))).status, 403, 'in no role');
			assert.equal((await play(lessons[0]!, await accessToken({ role: 'authenticated' }))).status, 403, 'nobody');
			assert.equal((await play(lessons[0]!, await accessToken(learner, 'another'))).status, 401, 'forged');
			assert.equal((await play(lessons[0]!, await accessToken(learner, secrets.jwt, -1))).status, 401, 'expired');
			assert.equal((await play(lessons[0]!, '')).status, 401, 'not signed in');
			assert.equal((await play('00000000-0000-4000-8000-000000000000', await accessToken(learner))).status, 404, 'no lesson');
			assert.equal((await play('g'.repeat(36), await accessToken(learner))).status, 404, 'no id');
			assert.equal((await play('-'.repeat(36), await accessToken(learner))).status, 400, 'no uuid');
			assert.equal((await play(lessons[5]!, await accessToken(learner))).status, 404, 'no video');
			// Which the policies hide from a learner, and from nobody else.
			await admin.query('UPDATE courses SET is_published = false WHERE id = $1', [course]);
			assert.equal((await play(lessons[0]!, await accessToken(learner))).status, 404, 'not published');
		});

		test('the log says how each request ended, and no more', async () => {
			assert.equal(await app.stop(), 0);

			const log = app.log().split('\n');
			const form = /^(listening on port \d+|connection lost: \w+|(webhook|upload|asset|playback|unknown) \d{3}( [\w ]+)?|)$/;

			assert.deepEqual(log.filter((line) => !form.test(line)), []);
			for (const line of ['webhook 200 applied', 'webhook 200 duplicate', 'webhook 401', 'webhook 400', 'webhook 503 57P01',
				'webhook 503 57014', 'upload 201', 'upload 502 Mux 400', 'asset 201', 'asset 403', 'playback 200', 'playback 403', 'unknown 404']) {
				assert.ok(log.includes(line), line);
			}
			for (const word of [...Object.values(secrets).flatMap((text) => text.split('\n')), 'https:', '-asset', serviceKey]) {
				assert.ok(word === '' || !app.log().includes(word), word);
			}
		});
	});
}

describe('a connection of the pool', () => {
	const who = "SELECT session_user, current_user, coalesce(current_setting('request.jwt.claims', true), '') AS claims";

	test('has the rights of a role for one transaction, and none of its own', async () => {
		Object.assign(process.env, login);

		const pool = openDatabase();
		const outside = { session_user: login.PGUSER, current_user: login.PGUSER, claims: '' };

		pool.options.max = 1;
		try {
			assert.deepEqual(await queryAs(pool, 'authenticated', { sub: 'x' }, who, []),
				{ ...outside, current_user: 'authenticated', claims: '{"sub":"x"}' });
			assert.deepEqual((await pool.query(who)).rows[0], outside);
			await assert.rejects(queryAs(pool, 'service_role', { sub: 'x' }, 'SELECT 1 / 0', []), { code: '22012' });
			assert.deepEqual((await pool.query(who)).rows[0], outside);
			assert.deepEqual(await queryAs(pool, 'service_role', null, who, []), { ...outside, current_user: 'service_role' });
			for (const sql of ["SELECT mux_apply_event('{}')", 'SELECT FROM lessons']) {
				await assert.rejects(pool.query(sql), { code: '42501' }, sql);
			}
		} finally {
			await pool.end();
		}
	});
});

describe('a server that is not set up', () => {
	for (const [what, environment, message] of [
		['without a secret', { MUX_WEBHOOK_SECRET: '' }, /^set MUX_WEBHOOK_SECRET: see README.md$/m],
		['with an empty secret', { MUX_WEBHOOK_SECRET: `${secrets.webhook},` }, /^an empty secret in MUX_WEBHOOK_SECRET/m],
		['without several', { MUX_TOKEN_ID: '', MUX_WEBHOOK_SECRET: '', APP_ORIGIN: '' },
			/^set MUX_TOKEN_ID, MUX_WEBHOOK_SECRET, APP_ORIGIN: see README.md$/m],
		['without a key to sign with', { MUX_PRIVATE_KEY: '' }, /^set MUX_PRIVATE_KEY: see README.md$/m],
		['with no such verifier', { WEBHOOK_VERIFIER: 'none' }, /^set WEBHOOK_VERIFIER to sdk or database$/m],
	] as const) {
		test(`${what}, does not start`, async () => {
			const app = await startApp(environment);

			assert.equal(await app.stop(), 1);
			assert.match(app.log(), message);
		});
	}
});

test('the README explains every variable', () => {
	const readme = readFileSync('README.md', 'utf8');
	const explained = new Set([...readme.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names]) => [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name)));
	const commands = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text]) => text).join('');
	const sources = readFileSync('src/main.ts', 'utf8');
	const used = [...commands.matchAll(/\$(?:\{)?([A-Z]\w+)|env\.([A-Z]\w+)/g), ...sources.matchAll(/'([A-Z]+_[A-Z_]+)'|env\.([A-Z]\w+)/g)]
		.map(([, one, other]) => one ?? other);

	assert.ok(used.length > 10);
	assert.deepEqual(used.filter((name) => !explained.has(name!)), []);
});
