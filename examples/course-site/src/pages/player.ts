// player.ts: plays a lesson from where the learner left it, and reports what was really played.
import { ProgressReporter, type Progress } from '../../../progress-reporter/progress-reporter.js';
import { coursePage } from '../../../supabase-app/src/learner.js';
import { announce, bar, h } from '../html.js';
import type { Page } from '../main.js';
import { anonKey, person, supabase, url } from '../session.js';
import { lock } from './course.js';

export const player: Page = async ([course_id, lesson_id], signal) => {
	const course = await coursePage(supabase(), course_id!);
	const lesson = course.modules.flatMap(({ lessons }) => lessons).find(({ id }) => id === lesson_id);
	const { data: threshold } = await supabase().rpc('completion_threshold', { lesson_id: lesson_id! }, { get: true });
	const back = h('p', {}, h('a', { href: `#/courses/${course_id}` }, `← ${course.title}`));

	if (!lesson) throw new Error('There is no such lesson.');
	if (lesson.locked) return { title: lesson.title, content: [back, h('p', {}, `${lock(lesson)}.`)] };

	// With Mux this is https://stream.mux.com/PLAYBACK_ID.m3u8, and a token from mux_playback_claims().
	const file = `/videos/${lesson.mux_playback_id}`;
	const video = h('video', { src: `${file}.webm`, controls: true, playsinline: true, 'aria-label': lesson.title },
		h('track', { kind: 'captions', src: `${file}.vtt`, srclang: 'en', label: 'English', default: true }));
	const watched = h('div', {}, bar(lesson.watched_pct, 'Watched', '% watched'));
	const news = h('div', { class: 'news' });
	let completed = lesson.status === 'completed';

	video.addEventListener('loadedmetadata', () => {
		const position = lesson.position_seconds ?? 0;

		if (position < video.duration - 1) video.currentTime = position;
	}, { once: true });

	function tell(what: string, ...more: Node[]): void {
		news.replaceChildren(h('p', {}, what), ...more);
		announce(what);
	}

	async function onprogress(row: Progress): Promise<void> {
		if (row.lesson_id !== lesson_id) return;
		watched.replaceChildren(bar(row.watched_pct, 'Watched', '% watched'));
		if (row.course_completed) return tell('You have completed the course.', h('a', { class: 'button', href: '#/certificates' }, 'Your certificate'));
		if (!row.completed || completed) return;
		completed = true;
		const { data: next } = await supabase().rpc('next_lesson', { course_id: course_id! }, { get: true }).throwOnError();
		tell('Lesson completed.', next ? h('a', { class: 'button', href: `#/courses/${course_id}/${next}` }, 'Next lesson') : back.cloneNode(true));
	}

	// Staff may watch a course without a place in it. Then there is nothing to report.
	if (course.enrolled || lesson.is_preview) {
		const reporter = new ProgressReporter(video, {
			url: `${url}/rest/v1`,
			headers: { apikey: anonKey },
			accessToken: () => person()!.token,
			user_id: person()!.id,
			lesson_id: lesson.id,
			interval: 2_000, // these videos are short
			onprogress,
			onstop: ({ message }) => tell(`Your progress is not recorded any more: ${message}`),
		});

		signal.addEventListener('abort', () => reporter.stop());
		window.addEventListener('offline', () => tell('You are offline. What you watch is kept, and sent later.'), { signal });
		window.addEventListener('online', () => tell('You are online again.'), { signal });
	}
	signal.addEventListener('abort', () => video.pause());
	return { title: lesson.title, content: [back, video, watched, h('p', { class: 'muted' }, `The lesson is completed when you have watched ${threshold} % of it. Skipping does not count.`), news] };
};
