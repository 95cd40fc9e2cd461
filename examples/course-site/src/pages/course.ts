// course.ts: a course with its lessons, as the learner may watch them or not yet.
import { coursePage, enroll, type CoursePage } from '../../../supabase-app/src/learner.js';
import { announce, bar, clock, day, h, reload } from '../html.js';
import type { Page } from '../main.js';
import { supabase } from '../session.js';

export type Module = CoursePage['modules'][number];
export type Lesson = Module['lessons'][number];

export function lock({ locked }: Lesson): string {
	if (!locked) return '';
	switch (locked.reason) {
		case 'not_enrolled': return 'Enroll to watch it';
		case 'expired': return 'Your access has ended';
		case 'tier': return 'Needs a higher tier';
		case 'date': return `Opens on ${day(locked.unlocks_at!)}`;
		case 'sequence': return 'Complete the lessons before it first';
	}
}

function state(lesson: Lesson): string {
	if (lesson.locked) return lock(lesson);
	if (lesson.status === 'completed') return 'Completed';
	return lesson.status === 'in_progress' ? `${lesson.watched_pct} % watched` : 'Not started';
}

function row(course: CoursePage, lesson: Lesson): HTMLElement {
	return h('li', { class: `lesson ${lesson.locked ? 'locked' : lesson.status}` },
		h('span', { class: 'mark', 'aria-hidden': 'true' }),
		h('div', {},
			lesson.locked ? h('span', {}, lesson.title) : h('a', { href: `#/courses/${course.id}/${lesson.id}` }, lesson.title),
			h('p', { class: 'muted' }, [state(lesson), lesson.duration_seconds && clock(lesson.duration_seconds)].filter(Boolean).join(' · '))),
		h('span', { class: 'tags' },
			lesson.is_published === false && h('span', { class: 'tag' }, 'draft'),
			!lesson.is_required && h('span', { class: 'tag' }, 'optional'),
			lesson.is_preview && !course.enrolled && h('span', { class: 'tag' }, 'preview')));
}

// Enrolls, and comes back to the page; or says why not.
function enrollButton(course_id: string): HTMLElement {
	const refusal = h('p', { role: 'alert' });

	return h('div', {}, h('button', {
		onclick: async () => {
			try {
				await enroll(supabase(), course_id);
				announce('You are enrolled.');
				reload();
			} catch (error) {
				refusal.textContent = `You cannot enroll: ${(error as Error).message}`;
			}
		},
	}, 'Enroll'), refusal);
}

export const course: Page = async ([course_id]) => {
	const [course, { data: next }] = await Promise.all([
		coursePage(supabase(), course_id!),
		supabase().rpc('next_lesson', { course_id: course_id! }, { get: true }).throwOnError(),
	]);
	const begun = course.modules.some(({ lessons }) => lessons.some(({ status }) => status !== 'not_started'));

	return {
		title: course.title,
		content: [
			h('p', { class: 'lead' }, course.description),
			course.enrolled ? bar(course.completion, 'Completed', '% completed') : enrollButton(course_id!),
			course.completed_at && h('p', {}, `You completed this course on ${day(course.completed_at)}. `, h('a', { href: '#/certificates' }, 'Your certificates')),
			course.enrolled && next && h('p', {}, h('a', { class: 'button', href: `#/courses/${course_id}/${next}` }, begun ? 'Go on' : 'Begin')),
			...course.modules.map((module) => h('section', {},
				h('h2', {}, module.title),
				h('ol', { class: 'lessons' }, ...module.lessons.map((lesson) => row(course, lesson))))),
		],
	};
};
