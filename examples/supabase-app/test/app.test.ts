// app.test: two learners and an instructor, with supabase-js, through a real PostgREST.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import type { SupabaseClient } from '@supabase/supabase-js';
import type pg from 'pg';
import { badge, certify, makeCourse, report } from '../src/instructor.js';
import { coursePage, enroll, Heartbeats, resume, verify, type Client } from '../src/learner.js';
import { connect, edition, makeDatabase, startApi, type Api } from './world.js';

const database = 'supabase_app';
const minute = 60_000;
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

let admin: pg.Client;
let safeupdate: boolean;
let api: Api;
let service: Client;

// Somebody who has signed up, and a client of theirs.
interface Learner {
	id: string;
	client: Client;
}

async function signUp(name: string, app_metadata: object = {}): Promise<Learner> {
	const { rows: [{ id }] } = await admin.query(
		'INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), $1) RETURNING id', [`${name}@example.com`]);

	return { id, client: await api.signedIn({ sub: id, email: `${name}@example.com`, app_metadata }) };
}

before(async () => {
	({ admin, safeupdate } = await makeDatabase(database));
	await admin.query(`
		CREATE SCHEMA test;
		GRANT USAGE ON SCHEMA test TO authenticated, service_role;
		CREATE FUNCTION test.setting(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting(name)'`);
	api = await startApi(database);
	service = api.service;
});

after(async () => {
	await api?.stop();
	await admin?.end();
});

describe(`an app on the ${edition.name}`, () => {
	let ann: Learner;
	let ben: Learner;
	let course: string;
	let modules: string[];
	let lessons: string[];
	let proCourse: string;
	const seconds = 600;

	async function progressOf(learner: Learner) {
		const { rows } = await admin.query(
			`SELECT p.*, xmin::text AS version FROM content_progress AS p WHERE user_id = $1 ORDER BY lesson_id`, [learner.id]);

		return rows;
	}

	before(async () => {
		ann = await signUp('ann');
		ben = await signUp('ben', { tier: 'pro' });
	});

	test('requests run as Supabase runs them', async () => {
		const setting = async (name: string) =>
			(await (ann.client as SupabaseClient).schema('test').rpc('setting', { name }).throwOnError()).data;

		assert.equal(await setting('role'), 'authenticated');
		assert.equal(await setting('statement_timeout'), '8s');
		assert.equal(await setting('transaction_read_only'), 'on', 'a function that never writes may not');
	});

	test('an instructor makes courses', async () => {
		({ course_id: course, module_ids: modules, lesson_ids: lessons } = await makeCourse(service,
			{ title: 'Woodworking', slug: 'woodworking', is_published: true }, [
				['Joints', [{ title: 'The dovetail' }, { title: 'The mortise' }]],
				['Finish', [{ title: 'Oil', is_preview: true }, { title: 'A visit to the workshop', is_required: false }]],
			]));
		({ course_id: proCourse } = await makeCourse(service,
			{ title: 'Chairs', slug: 'chairs', is_published: true, tier_required: 'pro' }, [['Legs', [{ title: 'Turning' }]]]));
		assert.equal(lessons.length, 4);
	});

	test('learners enroll, as often as they like', async () => {
		const first = await enroll(ann.client, course);

		assert.equal(first.user_id, ann.id);
		assert.equal(first.completed_at, null);
		assert.deepEqual(await enroll(ann.client, course), first);
		await enroll(ben.client, course);
		await enroll(ben.client, proCourse);
	});

	test('the player reports, and progress does not go back', async () => {
		const player = new Heartbeats(ann.client);

		for (const second of [60, 300, 120]) await player.beat(lessons[0]!, second, seconds);
		const sought = await player.beat(lessons[0]!, 125, seconds);
		assert.ok(sought);
		// A move of up to the heartbeat's interval need not be written.
		assert.deepEqual([sought.watched_pct, sought.position_seconds, sought.completed], [50, 120, false]);

		const done = await player.beat(lessons[0]!, 545, seconds);
		assert.ok(done);
		assert.deepEqual([done.watched_pct, done.position_seconds, done.completed], [90, 545, true]);
		assert.ok(done.completed_at);
	});

	test('many devices at once end in one row', async () => {
		const devices = Array.from({ length: 20 }, (_, n) => new Heartbeats(ann.client).beat(lessons[1]!, 15 * (n + 1), seconds));

		await Promise.all(devices);
		const rows = (await progressOf(ann)).filter(({ lesson_id }) => lesson_id === lessons[1]);
		assert.deepEqual(rows.map(({ watched_pct }) => watched_pct), [50]);
	});

	test('what is watched offline is kept and sent once there is a network', async () => {
		const player = new Heartbeats(ben.client);

		api.online = false;
		assert.equal(await player.beat(lessons[0]!, 600, seconds), null);
		assert.equal(await player.beat(lessons[0]!, 30, seconds), null);
		assert.equal(await player.beat(lessons[1]!, 240, seconds), null);
		await assert.rejects(player.send());
		api.online = true;
		assert.equal(player.kept, 2);

		const rows = await player.send();
		assert.deepEqual(rows.map((row) => [row.lesson_id, row.watched_pct, row.position_seconds, row.completed]),
			[[lessons[0], 100, 30, true], [lessons[1], 40, 240, false]]);
		assert.equal(player.kept, 0);
	});

	test('a batch that comes twice writes nothing the second time', async () => {
		const reports = [{ lesson_id: lessons[1]!, watched_pct: 30, position_seconds: 180, watched_at: ago(60 * minute) }];

		await ben.client.rpc('record_progress_batch', { reports }).throwOnError();
		const once = await progressOf(ben);
		const { data } = await ben.client.rpc('record_progress_batch', { reports }).throwOnError();
		assert.deepEqual(await progressOf(ben), once);
		assert.deepEqual(data.map(({ watched_pct, position_seconds }) => [watched_pct, position_seconds]), [[40, 240]],
			'an older report neither lowers the percentage nor moves the position');
	});

	test('another device resumes where the first one stopped', async () => {
		const tablet = await api.signedIn({ sub: ben.id, app_metadata: { tier: 'pro' } });

		assert.deepEqual(await resume(tablet, course), { lesson_id: lessons[1], at: 240 });
		assert.deepEqual(await resume(tablet, proCourse), { lesson_id: (await coursePage(tablet, proCourse)).modules[0]!.lessons[0]!.id, at: 0 });
		assert.equal(await resume(await api.signedIn({ sub: ben.id }), proCourse), null, 'nothing when the tier is not paid any more');
	});

	test('the course page is one document', async () => {
		const page = await coursePage(ben.client, course);

		assert.deepEqual([page.title, page.enrolled, page.completion], ['Woodworking', true, 33]);
		assert.deepEqual(page.modules.map((module) => [module.title, ...module.lessons.map(({ id, status, watched_pct }) => [id, status, watched_pct])]), [
			['Joints', [lessons[0], 'completed', 100], [lessons[1], 'in_progress', 40]],
			['Finish', [lessons[2], 'not_started', 0], [lessons[3], 'not_started', 0]],
		]);
		assert.equal((await ben.client.rpc('course_completion', { course_id: course }).throwOnError()).data, 33);
	});

	test('the last required lesson completes the course, once', async () => {
		const listener = await connect(database);
		const heard: object[] = [];

		await listener.query('LISTEN content_library');
		listener.on('notification', ({ payload }) => heard.push(JSON.parse(payload!)));
		await new Heartbeats(ben.client).beat(lessons[1]!, seconds, seconds);
		// Both devices of Ben's finish at once.
		await Promise.all([1, 2].map(() => new Heartbeats(ben.client).beat(lessons[2]!, seconds, seconds)));
		await new Heartbeats(ben.client).beat(lessons[3]!, seconds, seconds);
		if (!heard.length) await once(listener, 'notification');
		await listener.query('SELECT 1');
		await listener.end();

		const { data: { completed_at } } = await ben.client.from('enrollments')
			.select('completed_at').eq('course_id', course).single().throwOnError();
		assert.ok(completed_at);
		assert.equal(heard.length, 1);
		assert.deepEqual({ ...heard[0], completed_at: null },
			{ event: 'course_completed', course_id: course, user_id: ben.id, completed_at: null });
		assert.equal(await resume(ben.client, course), null);
	});

	test('a certificate, which anybody verifies without a session', async () => {
		const certificate = await certify(service, course, ben.id, 'Ben Example');

		assert.deepEqual(await certify(service, course, ben.id, 'Somebody Else'), certificate, 'issued twice, it is the same');
		const found = await verify(api.anon, certificate.code.toLowerCase().replaceAll('-', ''));
		assert.ok(found);
		assert.deepEqual([found.status, found.learner_name, found.course_title, found.completed_at],
			['valid', 'Ben Example', 'Woodworking', certificate.completed_at]);
		assert.deepEqual(Object.keys(found).sort(), ['completed_at', 'course_title', 'expires_at', 'issued_at', 'learner_name', 'revoked_at', 'status']);

		for (const code of ['', '0', 'AAAA-AAAA-AAAA', certificate.code.slice(0, -1), `${certificate.code}0`, 'u'.repeat(1000), "' OR true --", '%'])
			assert.equal(await verify(api.anon, code), null, `no certificate: ${code.slice(0, 20)}`);
		const { data: long, status } = await api.anon.rpc('verify_certificate', { code: 'A'.repeat(1 << 20) });
		assert.deepEqual([status, long], [200, []], 'a code of a megabyte');

		const { data: own } = await ben.client.from('certificates').select('code').throwOnError();
		assert.deepEqual(own, [{ code: certificate.code }]);
		assert.deepEqual((await ann.client.from('certificates').select('code').throwOnError()).data, []);

		const credential = await badge(service, certificate.code, { id: 'https://example.com', name: 'Example' }) as Record<string, any>;
		assert.deepEqual([credential.type, credential.issuer.type, credential.credentialSubject.identifier[0].identityHash],
			[['VerifiableCredential', 'OpenBadgeCredential'], ['Profile'], 'Ben Example']);
	});

	test('a certificate that is revoked, and another one in its place', async () => {
		const { code } = await certify(service, course, ben.id, 'Ben Example');

		await service.rpc('revoke_certificate', { code, reason: 'the name is misspelled' }).throwOnError();
		assert.equal((await verify(api.anon, code))?.status, 'revoked');
		const { code: another } = await certify(service, course, ben.id, 'Benjamin Example');
		assert.notEqual(another, code);
		assert.deepEqual([(await verify(api.anon, another))?.status, (await verify(api.anon, another))?.learner_name], ['valid', 'Benjamin Example']);
		const { status, error } = await service.from('certificates').update({ learner_name: 'Ben' }).eq('code', another);
		assert.deepEqual([status, error?.code], [500, '55000'], 'it is not changed');
	});

	test('the instructor sees who stands where', async () => {
		const { learners, funnel } = await report(service, course);

		assert.deepEqual(learners.map(({ user_id, completed_lessons, required_lessons, completion, completed_at }) =>
			[user_id, completed_lessons, required_lessons, completion, completed_at !== null]), [
			[ann.id, 1, 3, 33, false],
			[ben.id, 3, 3, 100, true],
		]);
		assert.deepEqual(funnel.map(({ lesson_id, started, completed, average_pct }) => [lesson_id, started, completed, average_pct]), [
			[lessons[0], 2, 2, 95],
			[lessons[1], 2, 1, 75],
			[lessons[2], 1, 1, 100],
			[lessons[3], 1, 1, 100],
		]);
	});

	test('a learner sees the rows of nobody else', async () => {
		for (const learner of [ann, ben]) {
			for (const table of ['content_progress', 'enrollments'] as const) {
				const { data } = await learner.client.from(table).select('user_id').throwOnError();

				assert.ok(data.length > 0);
				assert.deepEqual(new Set(data.map(({ user_id }) => user_id)), new Set([learner.id]));
			}
		}
		const { data } = await ann.client.from('content_progress')
			.update({ watched_pct: 1 }).eq('user_id', ben.id).select().throwOnError();
		assert.deepEqual(data, []);
	});

	test('an app that upserts as the plan has it still may', async () => {
		const row = { user_id: ann.id, lesson_id: lessons[2]!, watched_pct: 20 };

		for (const watched_pct of [20, 25]) {
			const { data } = await ann.client.from('content_progress')
				.upsert({ ...row, watched_pct }, { onConflict: 'user_id,lesson_id' }).select('watched_pct').single().throwOnError();
			assert.deepEqual(data, { watched_pct });
		}
	});

	test('a threshold that falls counts from the next report, or when it is applied', async () => {
		await service.from('lessons').update({ completion_threshold: 50 }).eq('id', lessons[1]!).throwOnError();
		assert.equal((await ann.client.rpc('completion_threshold', { lesson_id: lessons[1]! }).throwOnError()).data, 50);
		assert.equal((await ann.client.rpc('course_completion', { course_id: course }).throwOnError()).data, 33);
		assert.equal((await service.rpc('recompute_completion', { course_id: course }).throwOnError()).data, 1);
		assert.equal((await ann.client.rpc('course_completion', { course_id: course }).throwOnError()).data, 66);
	});

	test('the server records, moves and starts again for a learner', async () => {
		const { data: row } = await service.rpc('record_progress',
			{ lesson_id: lessons[3]!, watched_pct: 10, user_id: ann.id }).throwOnError();
		assert.deepEqual([row.user_id, row.watched_pct], [ann.id, 10]);

		await service.rpc('move_lesson', { lesson_id: lessons[3]!, module_id: modules[0]!, before: lessons[0]! }).throwOnError();
		await service.rpc('move_module', { module_id: modules[1]!, before: modules[0]! }).throwOnError();
		assert.deepEqual((await coursePage(ann.client, course)).modules.map((module) => module.lessons.map(({ id }) => id)),
			[[lessons[2]], [lessons[3], lessons[0], lessons[1]]]);

		assert.equal((await ann.client.rpc('reset_progress', { course_id: course, dry_run: true }).throwOnError()).data, 4);
		assert.equal((await ann.client.rpc('reset_progress', { course_id: course }).throwOnError()).data, 4);
		assert.deepEqual(await progressOf(ann), []);
	});

	test('the checks find nothing but that the certificate could be forged', async (t) => {
		if (edition.name !== 'extension') return t.skip('only the extension has them');
		// A superuser has created it here, and is told so.
		const { data } = await service.rpc('content_library_check').neq('object', 'owner of the tables').throwOnError();
		assert.deepEqual(data.map(({ severity, object }) => `${severity} ${object}`), [`notice course ${course}`, 'notice table certificates']);
	});

	test('a learner who forgets a filter deletes nothing', async (t) => {
		if (!safeupdate) return t.skip('safeupdate is not installed here');
		const { error, status } = await ann.client.from('content_progress').delete();

		assert.deepEqual([status, error?.code], [400, '21000']);
	});

	test('an account that is deleted takes its rows along', async () => {
		await enroll(ann.client, course);
		await new Heartbeats(ann.client).beat(lessons[0]!, 60, seconds);
		// As Supabase Auth does it: as its own role, with a search_path of its own.
		await admin.query(`SET ROLE supabase_auth_admin; SET search_path = auth`);
		await admin.query('DELETE FROM auth.users WHERE id = $1', [ann.id]);
		await admin.query('RESET ROLE; RESET search_path');

		assert.deepEqual(await progressOf(ann), []);
		assert.deepEqual((await report(service, course)).learners.map(({ user_id }) => user_id), [ben.id]);
		// Her token is good for an hour yet.
		const { status, error } = await ann.client.rpc('enroll', { course_id: course });
		assert.deepEqual([status, error?.code], [409, '23503']);
	});
});

// What the table of errors promises: the SQLSTATE, and the status that it becomes.
describe('errors and their statuses', () => {
	let ann: Learner;
	let ben: Learner;
	// Of an open course, of one of a higher tier, of one that nobody has published.
	let open: { course: string; module: string; lesson: string; preview: string };
	let pro: { course: string; module: string };
	let hidden: { course: string; lesson: string };
	// Clients to which every argument is as good as another.
	let asAnn: SupabaseClient;
	let asService: SupabaseClient;

	before(async () => {
		ann = await signUp('ann2');
		ben = await signUp('ben2');
		asAnn = ann.client as SupabaseClient;
		asService = service as SupabaseClient;

		const make = async (slug: string, course: object) => {
			const made = await makeCourse(service, { title: slug, slug, is_published: true, ...course },
				[['Module', [{ title: 'Lesson' }, { title: 'Preview', is_preview: true }]]]);

			return { course: made.course_id, module: made.module_ids[0]!, lesson: made.lesson_ids[0]!, preview: made.lesson_ids[1]! };
		};
		open = await make('open', {});
		pro = await make('pro', { tier_required: 'pro' });
		hidden = await make('hidden', { is_published: false });
		await enroll(ann.client, open.course);
	});

	// What a case answers: a status, an SQLSTATE or PostgREST's code, a message.
	type Answer = PromiseLike<{ status: number; error: { code: string; message: string } | null }>;
	type Case = [what: string, call: () => Answer, message: RegExp];

	function refused(status: number, code: string, cases: Case[]) {
		for (const [what, call, message] of cases) {
			test(`${status} ${code}: ${what}`, async () => {
				const answer = await call();

				assert.deepEqual([answer.status, answer.error?.code], [status, code], answer.error?.message ?? 'it was not refused');
				assert.match(answer.error!.message, message);
			});
		}
	}

	const record = (what: object) => asAnn.rpc('record_progress', { lesson_id: open.lesson, watched_pct: 10, ...what });
	const batch = (reports: unknown) => asAnn.rpc('record_progress_batch', { reports });
	const unknown = randomUUID();

	refused(400, '22023', [
		['more than 100 percent', () => record({ watched_pct: 101 }), /^watched_pct 101 is outside the range 0\.\.100$/],
		['less than 0 percent', () => record({ watched_pct: -1 }), /^watched_pct -1 is outside/],
		['a negative position', () => record({ position_seconds: -1 }), /^position_seconds -1 is outside the range/],
		['a batch that is no array', () => batch({}), /^reports/],
		['a report without a percentage', () => batch([{ lesson_id: open.lesson }]), /^reports\[0\]: /],
		['a report of a lesson twice', () => batch([1, 2].map((watched_pct) => ({ lesson_id: open.lesson, watched_pct }))), /^reports\[0\] and reports\[1\] are of the same lesson/],
		['a report from the future', () => batch([{ lesson_id: open.lesson, watched_pct: 1, watched_at: ago(-60 * minute) }]), /^reports\[0\]: /],
		['no row to continue', () => asAnn.rpc('continue_watching', { max_rows: 0 }), /^max_rows 0 is not positive$/],
		['no time to live', () => asAnn.rpc('mux_playback_claims', { lesson_id: open.lesson, ttl: '-1 s' }), /^ttl .* is not a time to live$/],
		['a lesson moved before itself', () => asService.rpc('move_lesson',
			{ lesson_id: open.lesson, module_id: open.module, before: open.lesson }), /cannot be moved before itself$/],
		['a module moved to another course', () => asService.rpc('move_module', { module_id: open.module, before: pro.module }), /is not a place in/],
		['what is no event', () => asService.rpc('mux_apply_event', { event: {} }), /^event has no type$/],
		['a certificate for nobody', () => asService.rpc('issue_certificate', { course_id: open.course, user_id: ann.id, learner_name: ' ' }), /^learner_name is empty$/],
	]);

	refused(400, '22004', [
		['no lesson', () => record({ lesson_id: null }), /^lesson_id must not be null$/],
		['no percentage', () => record({ watched_pct: null }), /^watched_pct must not be null$/],
		['no reports', () => batch(null), /^reports must not be null$/],
		['no course to enroll in', () => asAnn.rpc('enroll', { course_id: null }), /^course_id must not be null$/],
		['no code to verify', () => (api.anon as SupabaseClient).rpc('verify_certificate', { code: null }), /^code must not be null$/],
		['no course to report on', () => asService.rpc('course_report', { course_id: null }), /^course_id must not be null$/],
	]);

	refused(400, '22P02', [
		['what is no uuid', () => asAnn.rpc('enroll', { course_id: 'woodworking' }), /^invalid input syntax for type uuid/],
	]);

	refused(403, '28000', [
		['a report for nobody', () => asService.rpc('record_progress', { lesson_id: open.lesson, watched_pct: 1 }), /^nobody is signed in/],
		['a batch for nobody', () => asService.rpc('record_progress_batch', { reports: [{ lesson_id: open.lesson, watched_pct: 1 }] }), /^nobody is signed in/],
		['an enrollment of nobody', () => asService.rpc('enroll', { course_id: open.course }), /^nobody is signed in/],
		['the courses of nobody', () => asService.rpc('course_progress'), /^nobody is signed in/],
		['the next lesson of nobody', () => asService.rpc('next_lesson', { course_id: open.course }), /^nobody is signed in/],
	]);

	refused(403, '42501', [
		['a learner who is not enrolled', () => (ben.client as SupabaseClient).rpc('record_progress',
			{ lesson_id: open.lesson, watched_pct: 1 }), /is not enrolled in/],
		['the progress of somebody else', () => record({ user_id: ben.id }), /is not the user signed in$/],
		['the courses of somebody else', () => asAnn.rpc('course_progress', { user_id: ben.id }), /is not the user signed in$/],
		['a course of a higher tier', () => asAnn.rpc('enroll', { course_id: pro.course }), /is not open to the tier/],
		['a report to read', () => asAnn.rpc('course_report', { course_id: open.course }), /is not staff of course/],
		['a lesson to move', () => asAnn.rpc('move_module', { module_id: open.module }), /is not an editor of the course of module/],
		['a course to write', () => asAnn.from('courses').update({ tier_required: 'free' }).eq('id', pro.course), /^permission denied for table/],
		['a certificate to sign', () => asAnn.from('enrollments').update({ completed_at: ago(0) }).eq('user_id', ann.id), /^permission denied for table/],
		['an enrollment that is completed', () => asAnn.from('enrollments')
			.insert({ user_id: ann.id, course_id: pro.course, completed_at: ago(0) }), /^permission denied for table/],
		['progress in the name of somebody else', () => asAnn.from('content_progress')
			.insert({ user_id: ben.id, lesson_id: open.lesson }), /row-level security/],
		['a certificate to issue', () => asAnn.rpc('issue_certificate', { course_id: open.course, user_id: ann.id, learner_name: 'Ann' }), /^permission denied for function/],
		['a certificate to write', () => asAnn.from('certificates').update({ learner_name: 'Ann' }).eq('user_id', ann.id), /^permission denied for table/],
		['the events of Mux', () => asAnn.from('mux_events').select(), /^permission denied for table/],
	]);

	refused(401, '42501', [
		['a visitor who reports', () => (api.anon as SupabaseClient).rpc('record_progress',
			{ lesson_id: open.preview, watched_pct: 1 }), /^permission denied for function/],
		['a visitor who enrolls', () => (api.anon as SupabaseClient).rpc('enroll', { course_id: open.course }), /^permission denied for function/],
		...['courses', 'modules', 'lessons', 'enrollments', 'content_progress', 'certificates', 'mux_events'].map((table): Case =>
			[`a visitor who reads ${table}`, () => (api.anon as SupabaseClient).from(table).select(), /^permission denied for table/]),
	]);

	refused(401, 'PGRST301', [
		['a token that has expired', async () => (await api.signedIn({ sub: ann.id }, -60)).rpc('course_progress'), /expired/],
	]);

	refused(409, '23503', [
		['a lesson that does not exist', () => record({ lesson_id: unknown }), /^lesson ".*" does not exist$/],
		['a lesson of an unpublished course', () => record({ lesson_id: hidden.lesson }), /does not exist$/],
		['a course that does not exist', () => asAnn.rpc('enroll', { course_id: unknown }), /^course ".*" does not exist$/],
		['an unpublished course', () => asAnn.rpc('enroll', { course_id: hidden.course }), /^course ".*" does not exist$/],
		['the page of an unpublished course', () => asAnn.rpc('course_outline', { course_id: hidden.course }), /^course ".*" does not exist$/],
		['the percentage of an unpublished course', () => asAnn.rpc('course_completion', { course_id: hidden.course }), /^course ".*" does not exist$/],
		['a module that does not exist', () => asService.rpc('move_module', { module_id: open.module, before: unknown }), /^module ".*" does not exist$/],
		['a user who does not exist', () => asService.rpc('enroll', { course_id: open.course, user_id: unknown }), /^user ".*" does not exist$/],
		['a certificate to revoke that does not exist', () => asService.rpc('revoke_certificate', { code: '0000-0000-0000', reason: 'a test' }), /^certificate "0000-0000-0000" does not exist$/],
		['a report on a course that does not exist', () => asService.rpc('course_report', { course_id: unknown }), /^course ".*" does not exist$/],
	]);

	refused(500, '55000', [
		['a lesson without a video', () => asAnn.rpc('mux_playback_claims', { lesson_id: open.lesson }), /has no video to play$/],
		['a certificate of a course that is not completed', () => asService.rpc('issue_certificate', { course_id: open.course, user_id: ann.id, learner_name: 'Ann' }), /^user ".*" has not completed course ".*"$/],
	]);

	refused(404, 'PGRST202', [
		['an argument that there is not', () => asAnn.rpc('record_progress', { lesson_id: open.lesson, percent: 1 }), /record_progress/],
	]);

	test('200: a batch of nothing', async () => {
		const { status, data } = await batch([]);

		assert.deepEqual([status, data], [200, []]);
	});

	test('and nothing of all that was written', async () => {
		const { rows } = await admin.query('SELECT lesson_id FROM content_progress WHERE user_id IN ($1, $2)', [ann.id, ben.id]);

		assert.deepEqual(rows, []);
	});
});
