// learners.ts: the enrolled learners and how far they are, page by page.
import { bar, day, h } from '../html.js';
import { supabase } from '../session.js';

const size = 10;

export async function learners(course_id: string): Promise<HTMLElement> {
	const body = h('tbody');
	const previous = h('button', { class: 'quiet' }, 'Previous');
	const next = h('button', { class: 'quiet' }, 'Next');
	// The last learner of each page before the one that is shown.
	const before: string[] = [];

	async function show(): Promise<void> {
		// One more than is shown says whether there is another page.
		const { data } = await supabase().rpc('course_report', { course_id, max_rows: size + 1, after: before.at(-1) }, { get: true }).throwOnError();
		const rows = data.slice(0, size);
		// Names are your app's own: the library knows users by their id alone.
		const { data: profiles } = await supabase().from('profiles' as never).select('user_id, name')
			.in('user_id', rows.map(({ user_id }) => user_id)).throwOnError() as { data: { user_id: string; name: string }[] };

		body.replaceChildren(...rows.map((row) => h('tr', {},
			h('th', { scope: 'row' }, profiles.find(({ user_id }) => user_id === row.user_id)?.name ?? row.user_id),
			h('td', {}, bar(row.completion, 'Completed')),
			h('td', {}, `${row.completed_lessons} of ${row.required_lessons}`),
			h('td', {}, row.last_watched ? day(row.last_watched) : 'never'),
			h('td', {}, row.completed_at ? day(row.completed_at) : ''))));
		previous.disabled = before.length === 0;
		next.disabled = data.length <= size;
		next.onclick = () => (before.push(rows.at(-1)!.user_id), void show());
		previous.onclick = () => (before.pop(), void show());
	}

	await show();
	return h('div', {},
		h('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Learners' }, h('table', {},
			h('thead', {}, h('tr', {}, ...['Learner', 'Course', 'Lessons', 'Last watched', 'Completed'].map((name) => h('th', { scope: 'col' }, name)))),
			body)),
		h('p', { class: 'buttons' }, previous, next));
}
