// demo.ts: the courses of the demo, its people, and its videos.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type pg from 'pg';
import { makeCourse } from '../../supabase-app/src/instructor.js';
import type { Client } from '../../supabase-app/src/learner.js';

// Long enough to see something, and short enough to complete a course in two minutes.
export const seconds = 20;

// The lessons of a course share a video, whose name stands in the place of Mux's playback id.
const videos = { joints: ['0x1f5f4f', '0xe3c58a'], oil: ['0x6b3d1e', '0xf0d9a8'], chairs: ['0x2d4a7a', '0xd8c4c0'] };

const lesson = (video: keyof typeof videos, title: string, more: object = {}) =>
	({ title, duration_seconds: seconds, mux_status: 'ready', mux_playback_id: video, ...more });

export async function makeCourses(service: Client): Promise<Record<'joints' | 'oil' | 'chairs', string>> {
	const { course_id: joints } = await makeCourse(service, {
		title: 'Hand-cut joints', slug: 'joints', is_published: true, sort_order: 1, is_sequential: true, progress_by: 'watch',
		description: 'From the first saw cut to a joint that holds for a century. One lesson opens the next; what counts is what you have really watched.',
	}, [
		['Before you cut', [lesson('joints', 'The first saw cut', { is_preview: true }), lesson('joints', 'Marking with a knife')]],
		['Two joints', [lesson('joints', 'The dovetail'), lesson('joints', 'The mortise and tenon')]],
		['And then', [
			lesson('joints', 'A visit to the workshop', { is_required: false, unlock_after: '7 days' }),
			lesson('joints', 'The hidden dovetail', { is_published: false }),
		]],
	]);
	const { course_id: oil } = await makeCourse(service, {
		title: 'Oil and wax', slug: 'oil', is_published: true, sort_order: 2, progress_by: 'watch',
		description: 'Three finishes that you can put on with a cloth, in any order.',
	}, [['Finishes', [lesson('oil', 'Why wood moves'), lesson('oil', 'Oil'), lesson('oil', 'Wax')]]]);
	const { course_id: chairs } = await makeCourse(service, {
		title: 'Chairs', slug: 'chairs', is_published: true, sort_order: 3, progress_by: 'watch', tier_required: 'pro',
		description: 'For those who have subscribed to more.',
	}, [['Legs', [lesson('chairs', 'Turning a leg')]]]);

	return { joints, oil, chairs };
}

export async function makePeople(admin: pg.Client, courses: { joints: string; oil: string }): Promise<Record<'ada' | 'ben' | 'iris', string>> {
	async function signUp(name: string): Promise<string> {
		const { rows: [{ id }] } = await admin.query(
			'INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), $1) RETURNING id', [`${name.toLowerCase()}@example.com`]);

		await admin.query('INSERT INTO profiles (user_id, name) VALUES ($1, $2)', [id, `${name} Example`]);
		return id;
	}
	const people = { ada: await signUp('Ada'), ben: await signUp('Ben'), iris: await signUp('Iris') };

	await admin.query("INSERT INTO course_staff (course_id, user_id, role) VALUES ($1, $3, 'editor'), ($2, $3, 'viewer')",
		[courses.joints, courses.oil, people.iris]);
	return people;
}

// Videos of moving colours, and captions that say which second it is.
export async function makeVideos(folder: string): Promise<void> {
	const at = (second: number) => `00:00:${String(second).padStart(2, '0')}`;
	const captions = Array.from({ length: seconds }, (_, second) => `${at(second)}.000 --> ${at(second)}.999\nSecond ${second + 1} of ${seconds}\n`);

	await mkdir(folder, { recursive: true });
	// It must not ask whether to write over those of an earlier run: nobody answers.
	for (const [name, [dark, light]] of Object.entries(videos)) {
		await writeFile(`${folder}/${name}.vtt`, ['WEBVTT\n', ...captions].join('\n'));
		await promisify(execFile)('ffmpeg', ['-y', '-nostdin', '-v', 'error',
			'-f', 'lavfi', '-i', `gradients=size=320x180:rate=10:nb_colors=2:c0=${dark}:c1=${light}:speed=0.03:seed=1:duration=${seconds}`,
			'-f', 'lavfi', '-i', `sine=frequency=220:duration=${seconds},volume=0.05`,
			'-pix_fmt', 'yuv420p', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M', '-c:a', 'libopus', '-b:a', '16k', `${folder}/${name}.webm`]);
	}
}
