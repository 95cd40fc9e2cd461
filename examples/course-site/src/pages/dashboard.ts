// dashboard.ts: what an instructor sees of a course and, as an editor, changes. No service key is needed.
import { coursePage } from '../../../supabase-app/src/learner.js';
import { h } from '../html.js';
import type { Page } from '../main.js';
import { supabase } from '../session.js';
import { learners } from './learners.js';
import { lessonOrder } from './lesson-order.js';
import { retention } from './retention.js';

const staffOf = async () => (await supabase().from('course_staff').select('role, courses (id, title)').throwOnError()).data;

export const teaching: Page = async () => {
	const staff = await staffOf();

	return {
		title: 'Teach',
		content: [
			staff.length === 0 && h('p', {}, 'You are not staff of any course.'),
			h('ul', { class: 'cards' }, ...staff.map(({ role, courses }) => h('li', { class: 'card' },
				h('h2', {}, h('a', { href: `#/teach/${courses.id}` }, courses.title)),
				h('p', { class: 'tags' }, h('span', { class: 'tag' }, role))))),
		],
	};
};

// Of a course of more learners than the server asks one by one, two of these numbers are estimates.
async function summary(course_id: string): Promise<HTMLElement> {
	const { data } = await supabase().rpc('course_summary', { course_id }, { get: true }).single().throwOnError();
	const about = data.sampled < data.learners ? 'about ' : '';

	return h('p', {}, `${data.learners} enrolled, ${data.completed} completed, ${about}${data.active_7_days} active in the last 7 days`,
		data.average_completion !== null && `, ${about}${data.average_completion} % on average`);
}

async function funnel(course_id: string): Promise<HTMLElement> {
	const { data: lessons } = await supabase().rpc('lesson_report', { course_id }, { get: true }).throwOnError();
	const most = Math.max(1, ...lessons.map(({ started }) => started));

	return h('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Where learners stop' }, h('table', {},
		h('thead', {}, h('tr', {}, ...['Lesson', 'Started', 'Completed', 'Average'].map((name) => h('th', { scope: 'col' }, name)))),
		h('tbody', {}, ...lessons.map(({ title, started, completed, average_pct }) => h('tr', {},
			h('th', { scope: 'row' }, title),
			h('td', {}, h('meter', { max: most, value: started, 'aria-label': `${title}: started` }), ` ${started}`),
			h('td', {}, h('meter', { max: most, value: completed, 'aria-label': `${title}: completed` }), ` ${completed}`),
			h('td', {}, average_pct === null ? '' : `${average_pct} %`))))));
}

export const dashboard: Page = async ([course_id], signal) => {
	const [course, staff] = await Promise.all([coursePage(supabase(), course_id!), staffOf()]);
	const role = staff.find(({ courses }) => courses.id === course_id)?.role;
	const section = (title: string, ...content: Node[]) => h('section', {}, h('h2', {}, title), ...content);

	return {
		title: course.title,
		content: [
			h('p', {}, h('a', { href: '#/teach' }, '← Teach')),
			section('Learners', await summary(course_id!), await learners(course_id!)),
			section('Where learners stop', await funnel(course_id!)),
			section('What they watch of a lesson', await retention(course, signal)),
			role === 'editor' && section('Lessons', await lessonOrder(course_id!)),
		],
	};
};
