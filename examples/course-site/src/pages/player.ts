// player.ts: plays a lesson from where the learner left it, and reports what was really played.
import { ProgressReporter, type Progress } from '../../../progress-reporter/progress-reporter.js';
import { coursePage, type CoursePage } from '../../../supabase-app/src/learner.js';
import { announce, bar, h } from '../html.js';
import type { Page } from '../main.js';
import { anonKey, person, supabase, url } from '../session.js';
import { lock, type Lesson } from './course.js';

function videoOf(lesson: Lesson): HTMLVideoElement {
	// With Mux this is https://stream.mux.com/PLAYBACK_ID.m3u8, and a token from mux_playback_claims().
	const file = `/videos/${lesson.mux_playback_id}`;
	const video = h('video', { src: `${file}.webm`, controls: true, playsinline: true, 'aria-label': lesson.title },
		h('track', { kind: 'captions', src: `${file}.vtt`, srclang: 'en', label: 'English', default: true }));

	video.addEventListener('loadedmetadata', () => {
		const position = lesson.position_seconds ?? 0;

		// At the end it begins again.
		if (position < video.duration - 1) video.currentTime = position;
	}, { once: true });
	return video;
}

// Reports what is played until the page is left. Answers what to show under the video.
function report(video: HTMLVideoElement, course: CoursePage, lesson: Lesson, signal: AbortSignal): Node[] {
	const { id: user_id, token } = person()!;
	const watched = h('div', {}, bar(lesson.watched_pct, 'Watched', '% watched'));
	const news = h('div', { class: 'news' });
	let completed = lesson.status === 'completed';

	function tell(what: string, to?: string, name?: string): void {
		news.replaceChildren(h('p', {}, what), ...to ? [h('a', { class: 'button', href: to }, name)] : []);
		announce(what);
	}

	async function onprogress(row: Progress): Promise<void> {
		// It also sends what was kept of other lessons.
		if (row.lesson_id !== lesson.id) return;
		watched.replaceChildren(bar(row.watched_pct, 'Watched', '% watched'));
		// Later reports say no more that it is new.
		if (!row.completed || completed) return;
		completed = true;
		if (row.course_completed) return tell('You have completed the course.', '#/certificates', 'Your certificate');
		const { data: next } = await supabase().rpc('next_lesson', { course_id: course.id }, { get: true }).throwOnError();
		if (next) tell('Lesson completed.', `#/courses/${course.id}/${next}`, 'Next lesson');
		else tell('Lesson completed.', `#/courses/${course.id}`, 'Back to the course');
	}

	const reporter = new ProgressReporter(video, {
		url: `${url}/rest/v1`,
		headers: { apikey: anonKey },
		accessToken: () => token,
		user_id,
		lesson_id: lesson.id,
		interval: 2_000, // these videos are short
		onprogress,
		onstop: ({ message }) => tell(`Your progress is not recorded any more: ${message}`),
	});

	signal.addEventListener('abort', () => reporter.stop());
	window.addEventListener('offline', () => tell('You are offline. What you watch is kept, and sent later.'), { signal });
	window.addEventListener('online', () => tell('You are online again.'), { signal });
	return [watched, news];
}

export const player: Page = async ([course_id, lesson_id], signal) => {
	const [course, { data: threshold }] = await Promise.all([
		coursePage(supabase(), course_id!),
		supabase().rpc('completion_threshold', { lesson_id: lesson_id! }, { get: true }).throwOnError(),
	]);
	const lesson = course.modules.flatMap(({ lessons }) => lessons).find(({ id }) => id === lesson_id);
	const back = h('p', {}, h('a', { href: `#/courses/${course_id}` }, `← ${course.title}`));

	if (!lesson) throw new Error('There is no such lesson.');
	if (lesson.locked) return { title: lesson.title, content: [back, h('p', {}, `${lock(lesson)}.`)] };
	const video = videoOf(lesson);

	signal.addEventListener('abort', () => video.pause());
	return {
		title: lesson.title,
		content: [back, h('div', { class: 'player' }, video,
			// Staff may watch a course without a place in it. Then there is nothing to report.
			...course.enrolled || lesson.is_preview ? report(video, course, lesson, signal) : [],
			h('p', { class: 'muted' }, `The lesson is completed when you have watched ${threshold} % of it. Skipping does not count.`))],
	};
};
