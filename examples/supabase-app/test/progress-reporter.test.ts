// progress-reporter.test: a reporter at a player that is made up, through a real PostgREST.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { ProgressReporter, type Options, type Player, type Progress, type Refusal } from '../../progress-reporter/progress-reporter.js';
import { makeCourse } from '../src/instructor.js';
import { edition, makeDatabase, startApi, token, type Api } from './world.js';

const database = 'progress_reporter';
const network = globalThis.fetch;
const interval = 200;

// What plays a video: time passes when a test says so.
class Fake extends EventTarget {
	currentTime = 0;
	duration = 100;
	paused = true;
	ranges: [number, number][] = [];

	get played(): TimeRanges {
		return { length: this.ranges.length, start: (n) => this.ranges[n]![0], end: (n) => this.ranges[n]![1] };
	}

	tell(type: string): void {
		this.dispatchEvent(new Event(type));
	}

	play(): void {
		this.paused = false;
		this.tell('play');
	}

	watch(seconds: number): void {
		this.ranges.push([this.currentTime, this.currentTime + seconds]);
		this.currentTime += seconds;
		this.tell('timeupdate');
	}

	pause(): void {
		this.paused = true;
		this.tell('pause');
	}

	// Another source for the same video, as at a change of quality.
	load(): void {
		this.ranges = [];
		this.tell('emptied');
	}
}

class MemoryStorage extends Map<string, string> {
	get length(): number {
		return this.size;
	}

	key(n: number): string | null {
		return [...this.keys()][n] ?? null;
	}

	getItem(key: string): string | null {
		return this.get(key) ?? null;
	}

	setItem(key: string, value: string): void {
		this.set(key, value);
	}

	removeItem(key: string): void {
		this.delete(key);
	}
}

interface Sent {
	at: number;
	name: string;
	args: any;
	keepalive: boolean;
	status: number;
}

describe(`a reporter on the ${edition.name}`, () => {
	let admin: pg.Client;
	let api: Api;
	let learner: string;
	let lessons: string[];
	let storage: MemoryStorage;
	let player: Fake;
	let reporters: ProgressReporter[];
	let rows: Progress[];
	let stops: Refusal[];
	// Every request, how many at once, and what else than the network may answer.
	let sent: Sent[];
	let most: number;
	let instead: () => Promise<Response | undefined>;
	let page: EventTarget;

	before(async () => {
		({ admin } = await makeDatabase(database));
		api = await startApi(database);
		({ lesson_ids: lessons } = await makeCourse(api.service,
			{ title: 'Knots', slug: 'knots', is_published: true, progress_by: 'watch' } as never,
			[['Bends', [{ title: 'Sheet bend', duration_seconds: 100 }, { title: 'Carrick bend', duration_seconds: 100 }]]]));
		let open = 0;

		globalThis.fetch = async (input, init) => {
			const request: Sent = { at: Date.now(), name: String(input).split('/').at(-1)!, args: JSON.parse(String(init!.body)),
				keepalive: !!init!.keepalive, status: 0 };

			sent.push(request);
			most = Math.max(most, ++open);
			try {
				const answer = await instead() ?? await network(String(input).replace('/rest/v1', ''), init);

				request.status = answer.status;
				return answer;
			} finally {
				open--;
			}
		};
	});

	after(async () => {
		globalThis.fetch = network;
		await api?.stop();
		await admin?.end();
	});

	beforeEach(async () => {
		learner = (await admin.query('INSERT INTO auth.users (id) VALUES (gen_random_uuid()) RETURNING id')).rows[0].id;
		await admin.query('INSERT INTO enrollments (user_id, course_id) SELECT $1, id FROM courses', [learner]);
		storage = new MemoryStorage();
		player = new Fake();
		reporters = [];
		rows = [];
		stops = [];
		sent = [];
		most = 0;
		instead = async () => undefined;
		page = new EventTarget();
		Object.assign(globalThis, { window: page, document: Object.assign(new EventTarget(), { visibilityState: 'visible' }) });
	});

	afterEach(() => reporters.forEach((reporter) => reporter.stop()));

	const accessToken = () => token({ aud: 'authenticated', role: 'authenticated', sub: learner });

	function attach(more: Partial<Options> = {}, to: Player = player): ProgressReporter {
		const reporter = new ProgressReporter(to, {
			url: `${api.url}/rest/v1`, headers: {}, accessToken, user_id: learner, lesson_id: lessons[0]!, interval, storage,
			onprogress: (row) => rows.push(row), onstop: (why) => stops.push(why), ...more,
		});

		reporters.push(reporter);
		return reporter;
	}

	async function until(what: () => boolean | Promise<boolean>): Promise<void> {
		for (const end = Date.now() + 20_000; !await what(); await sleep(5)) {
			if (Date.now() > end) throw new Error(`this did not come: ${what}; sent: ${JSON.stringify(sent)}`);
		}
	}

	const delivered = (count: number) => until(() => sent.length >= count && sent.every(({ status }) => status) && !storage.size);

	async function stored(): Promise<Record<string, any>[]> {
		const { rows } = await admin.query(`
			SELECT p.lesson_id, watched::text, watched_pct, position_seconds, completed, last_watched, started_at
			FROM content_progress AS p JOIN lessons AS l ON l.id = p.lesson_id WHERE user_id = $1 ORDER BY l.sort_order`, [learner]);

		return rows;
	}

	// What an earlier page has left.
	const keep = (lesson_id: string, report: object, percent: number | null = null) =>
		storage.setItem(`content_library/${learner}/${lesson_id}`, JSON.stringify({ report: { lesson_id, ...report }, percent }));

	const offline = () => Promise.reject(new TypeError('fetch failed'));

	test('it reports at play, as time goes by, at pause and at the end', async () => {
		attach();
		assert.equal(sent.length, 0, 'nothing before it plays');
		player.play();
		player.watch(2.5);
		await delivered(1);
		assert.deepEqual(sent[0]!.args, { lesson_id: lessons[0], played: [], position_seconds: 0 });
		assert.ok((await stored())[0]!.started_at, 'the clock runs');

		await sleep(interval);
		player.watch(2.25);
		await delivered(2);
		assert.deepEqual(sent[1]!.args.played, [[0, 4.75]]);

		player.pause();
		await delivered(3);
		await sleep(interval);
		player.tell('timeupdate');
		assert.equal(sent.length, 3, 'nothing while it does not play');
		player.currentTime = 20;
		player.play();
		player.watch(4);
		player.tell('ended');
		await delivered(5);
		assert.deepEqual(sent.at(-1)!.args, { lesson_id: lessons[0], played: [[0, 4.75], [20, 24]], position_seconds: 24 });
		assert.deepEqual(new Set(sent.map(({ name }) => name)), new Set(['record_progress']));
		const [row] = await stored();
		assert.deepEqual([row!.watched, row!.watched_pct, row!.position_seconds], ['{[0,5),[20,24)}', 9, 24]);
		assert.deepEqual([rows.at(-1)!.watched_pct, rows.at(-1)!.completed], [9, false]);
	});

	test('it tells when the lesson and the course are completed', async () => {
		await admin.query('UPDATE courses SET completion_threshold = 10');
		await admin.query('UPDATE lessons SET is_required = false WHERE id = $1', [lessons[1]]);
		attach();
		player.play();
		player.watch(12);
		player.pause();
		await until(() => rows.some((row) => row.completed));
		assert.equal(rows.filter((row) => row.course_completed).length, 1);
		await admin.query('UPDATE courses SET completion_threshold = NULL');
	});

	test('what was played is kept over another source', async () => {
		attach();
		player.play();
		player.watch(5);
		player.load();
		player.watch(3);
		player.currentTime = 2;
		player.watch(4);
		player.pause();
		await delivered(2);
		assert.deepEqual(sent.at(-1)!.args.played, [[0, 8]]);
		assert.equal((await stored())[0]!.watched, '{[0,8)}');
	});

	test('a mux-player has what was played in its media', async () => {
		const media = new Fake();
		const mux = Object.assign(new EventTarget(), { currentTime: 7, duration: 100, paused: true, media });

		media.ranges = [[0, 7]];
		attach({}, mux);
		mux.dispatchEvent(new Event('pause'));
		await delivered(1);
		assert.deepEqual(sent[0]!.args.played, [[0, 7]]);
	});

	test('one request at a time, and the last report arrives', async () => {
		instead = async () => void await sleep(30);
		attach();
		for (let n = 0; n < 10; n++) {
			player.play();
			player.watch(1);
			player.pause();
			await sleep(10);
		}
		await delivered(2);
		assert.equal(most, 1);
		assert.ok(sent.length < 20, 'one request for several reports');
		assert.equal((await stored())[0]!.watched, '{[0,10)}');
	});

	test('a page that hides sends at once what has not been sent', async () => {
		let go = () => {};

		instead = () => new Promise((resolve) => (go = () => resolve(undefined)));
		attach();
		page.dispatchEvent(new Event('pagehide'));
		assert.equal(sent.length, 0, 'nothing that was not played');
		player.play();
		await until(() => sent.length === 1);
		player.watch(6);
		instead = async () => undefined;
		document.dispatchEvent(new Event('visibilitychange'));
		assert.equal(sent.length, 1, 'the page is still there');
		Object.assign(document, { visibilityState: 'hidden' });
		document.dispatchEvent(new Event('visibilitychange'));
		// Before anything else can run.
		assert.equal(sent.length, 2);
		assert.ok(sent[1]!.keepalive);
		assert.deepEqual(sent[1]!.args.played, [[0, 6]]);
		page.dispatchEvent(new Event('pagehide'));
		assert.equal(sent.length, 2, 'once');
		go();
		await delivered(2);
		assert.equal((await stored())[0]!.watched, '{[0,6)}');
	});

	test('stop() sends what has not been sent, and then nothing', async () => {
		const reporter = attach();

		player.play();
		await delivered(1);
		player.watch(3);
		reporter.stop();
		await delivered(2);
		player.watch(3);
		player.pause();
		page.dispatchEvent(new Event('online'));
		await sleep(interval);
		assert.equal(sent.length, 2);
		assert.equal((await stored())[0]!.watched, '{[0,3)}');
	});

	test('what is watched offline is sent in a batch, with its times, also by a later page', async () => {
		instead = offline;
		const first = attach();
		const began = Date.now();

		player.play();
		player.watch(10);
		player.pause();
		first.stop();
		player = new Fake();
		attach({ lesson_id: lessons[1]! });
		player.play();
		player.watch(4);
		player.pause();
		await until(() => sent.length >= 2);
		assert.deepEqual(await stored(), []);
		assert.equal(storage.size, 2);
		const ended = Date.now();

		await sleep(50);
		const tried = sent.length;
		instead = async () => undefined;
		page.dispatchEvent(new Event('online'));
		await until(() => !storage.size);
		const batch = sent[tried]!;
		assert.equal(batch.name, 'record_progress_batch');
		assert.deepEqual(batch.args.reports.map(({ lesson_id, played }: any) => [lesson_id, played]), [[lessons[0], [[0, 10]]], [lessons[1], [[0, 4]]]]);
		for (const row of await stored()) {
			assert.ok(Number(row.last_watched) >= began && Number(row.last_watched) <= ended, 'at the time of the report');
		}
		assert.deepEqual((await stored()).map(({ watched, position_seconds }) => [watched, position_seconds]), [['{[0,10)}', 10], ['{[0,4)}', 4]]);
		player.play();
		await until(() => sent.at(-1)!.name === 'record_progress' && !storage.size);
	});

	test('what the clock holds back is kept, and sent again as time passes', async () => {
		keep(lessons[1]!, { played: [[0, 60.5]], position_seconds: 60.5 }, 60);
		attach();
		await until(() => rows.length === 1);
		await sleep(50);
		assert.equal(sent.length, 1, 'not at once');
		assert.match((await stored())[0]!.watched, /^\{\[0,[34]\d\)\}$/, 'what the grace allows');
		assert.equal(storage.size, 1);
		player.play();
		await until(() => sent.at(-1)!.status > 0 && sent.at(-1)!.args.reports?.length === 2);
		await admin.query("UPDATE content_progress SET started_at = started_at - interval '1 hour' WHERE user_id = $1", [learner]);
		await until(() => !storage.size);
		assert.equal((await stored()).at(-1)!.watched, '{[0,61)}');
	});

	test('the page after it goes on where the list was kept', async () => {
		instead = offline;
		const first = attach();

		player.play();
		player.watch(10);
		first.stop();
		instead = async () => undefined;
		player = new Fake();
		player.currentTime = 30;
		attach();
		player.play();
		player.watch(5);
		player.pause();
		await delivered(2);
		assert.equal((await stored())[0]!.watched, '{[0,10),[30,35)}');
	});

	test('the reports of another learner on the same device stay', async () => {
		instead = offline;
		const reporter = attach();

		player.play();
		await until(() => sent.length > 0);
		reporter.stop();
		assert.equal(storage.size, 1);
		instead = async () => undefined;
		sent = [];
		player = new Fake();
		attach({ user_id: 'another' });
		await sleep(50);
		assert.equal(sent.length, 0);
	});

	test('a server that is down is asked less and less often', async () => {
		instead = async () => new Response('<html>busy</html>', { status: 503 });
		attach();
		player.play();
		await until(() => sent.length === 6);
		instead = async () => undefined;
		const gaps = sent.slice(1).map(({ at }, n) => at - sent[n]!.at);

		gaps.forEach((gap, n) => assert.ok(gap >= 2 ** n / 10 * interval / 2 - 2, `${gap} ms before try ${n + 2}`));
		player.tell('timeupdate');
		await until(() => !storage.size);
		assert.equal((await stored()).length, 1);
	});

	test('an expired token is asked for again', async () => {
		const tokens = [await token({ role: 'authenticated', sub: learner }, -3600)];

		attach({ accessToken: () => tokens.pop() ?? accessToken() });
		player.play();
		await delivered(2);
		assert.deepEqual(sent.map(({ status }) => status), [401, 200]);
	});

	test('it stops at 42501, and says why', async () => {
		await admin.query('DELETE FROM enrollments WHERE user_id = $1', [learner]);
		attach();
		player.play();
		await until(() => stops.length > 0);
		assert.deepEqual([sent[0]!.status, stops[0]!.code], [403, '42501']);
		assert.match(stops[0]!.message, /is not enrolled/);
		player.watch(5);
		player.pause();
		page.dispatchEvent(new Event('pagehide'));
		await sleep(interval);
		assert.deepEqual([sent.length, stops.length, storage.size], [1, 1, 0]);
	});

	test('also after a batch, which leaves out what is refused', async () => {
		await admin.query('DELETE FROM enrollments WHERE user_id = $1', [learner]);
		instead = offline;
		attach();
		player.play();
		player.watch(5);
		player.pause();
		await until(() => sent.length > 0);
		instead = async () => undefined;
		await until(() => stops.length > 0);
		assert.deepEqual(sent.slice(-2).map(({ name, status }) => [name, status]), [['record_progress_batch', 200], ['record_progress', 403]]);
		assert.equal(stops[0]!.code, '42501');
	});

	test('of a device whose clock is ahead the report counts as of now', async () => {
		const watched_at = new Date(Date.now() + 3_600_000).toISOString();

		keep(lessons[0]!, { played: [[0, 5]], position_seconds: 5, watched_at });
		attach();
		await delivered(2);
		assert.deepEqual(sent.map(({ status }) => status), [400, 200]);
		const [row] = await stored();
		assert.equal(row!.watched, '{[0,5)}');
		assert.ok(Number(row!.last_watched) < Date.now() + 60_000);
		assert.deepEqual(stops, []);
	});

	test('a report of another lesson that the server does not accept is dropped', async () => {
		keep(lessons[1]!, { played: [[9, 5]], position_seconds: 5 });
		attach();
		player.play();
		player.watch(5);
		player.pause();
		await until(() => !storage.size);
		assert.deepEqual((await stored()).map(({ lesson_id, watched }) => [lesson_id, watched]), [[lessons[0], '{[0,5)}']]);
		assert.deepEqual(stops, []);
	});
});
