// catalogue.ts: what to continue, and every course with the learner's percentage.
import { bar, clock, h } from '../html.js';
import type { Page } from '../main.js';
import { supabase } from '../session.js';

export const catalogue: Page = async () => {
	const [{ data: courses }, { data: mine }, { data: begun }] = await Promise.all([
		supabase().from('courses').select('id, title, description, tier_required, is_published').order('sort_order').throwOnError(),
		supabase().rpc('course_progress', {}, { get: true }).throwOnError(),
		supabase().rpc('continue_watching', { max_rows: 3 }, { get: true }).throwOnError(),
	]);

	return {
		title: 'Courses',
		content: [
			begun.length > 0 && h('section', { 'aria-labelledby': 'continue' },
				h('h2', { id: 'continue' }, 'Continue watching'),
				h('ul', { class: 'cards' }, ...begun.map((lesson) => h('li', { class: 'card' },
					h('h3', {}, h('a', { href: `#/courses/${lesson.course_id}/${lesson.lesson_id}` }, lesson.lesson_title)),
					h('p', { class: 'muted' }, `${lesson.course_title} · at ${clock(lesson.position_seconds ?? 0)}`),
					bar(lesson.watched_pct, `${lesson.lesson_title}: watched`))))),
			h('section', { 'aria-labelledby': 'all' },
				h('h2', { id: 'all' }, 'All courses'),
				h('ul', { class: 'cards' }, ...courses.map((course) => {
					const progress = mine.find(({ course_id }) => course_id === course.id);

					return h('li', { class: 'card' },
						h('div', { class: 'cover' }),
						h('h3', {}, h('a', { href: `#/courses/${course.id}` }, course.title)),
						h('p', {}, course.description),
						h('p', { class: 'tags' },
							course.tier_required !== 'free' && h('span', { class: 'tag' }, course.tier_required),
							!course.is_published && h('span', { class: 'tag' }, 'draft'),
							progress?.completed_at && h('span', { class: 'tag good' }, 'completed')),
						progress ? bar(progress.completion, `${course.title}: completed`) : h('p', { class: 'muted' }, 'Not enrolled'));
				}))),
		],
	};
};
