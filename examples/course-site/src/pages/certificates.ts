// certificates.ts: the learner's certificates; and whether a code is that of one, for anybody.
import { verify } from '../../../supabase-app/src/learner.js';
import { day, h, reload } from '../html.js';
import type { Page } from '../main.js';
import { supabase, visitor } from '../session.js';

export const certificates: Page = async (_, signal) => {
	const [{ data: completed }, { data }] = await Promise.all([
		supabase().from('enrollments').select('course_id').not('completed_at', 'is', null).throwOnError(),
		supabase().from('certificates').select('code, course_id, course_title, completed_at').order('completed_at', { ascending: false }).throwOnError(),
	]);
	// The server issues it as soon as it hears of the completion.
	const awaited = completed.some(({ course_id }) => !data.some((certificate) => certificate.course_id === course_id));

	if (awaited) setTimeout(() => signal.aborted || reload(), 1000);

	return {
		title: 'Your certificates',
		content: [
			awaited ? h('p', {}, 'Your certificate is being made.')
				: data.length === 0 && h('p', {}, 'There is none yet. Complete a course, and it is here.'),
			h('ul', { class: 'cards' }, ...data.map(({ code, course_title, completed_at }) => h('li', { class: 'card' },
				h('h2', {}, course_title),
				h('p', { class: 'muted' }, `Completed on ${day(completed_at)}`),
				h('p', {}, h('a', { href: `#/verify/${code}` }, code))))),
		],
	};
};

async function result(code: string): Promise<HTMLElement> {
	const found = await verify(visitor, code);

	if (!found) return h('p', { role: 'status' }, `There is no certificate ${code}.`);
	return h('article', { class: `certificate ${found.status}` },
		h('p', { class: 'tag' }, found.status),
		h('p', {}, 'This certifies that'),
		h('h2', {}, found.learner_name),
		h('p', {}, 'has completed the course'),
		h('h3', {}, found.course_title),
		h('p', { class: 'muted' }, `on ${day(found.completed_at)}`),
		h('p', { class: 'code' }, code));
}

// Needs no session: an employer opens the link, or types the code.
export const verification: Page = async ([code]) => {
	const input = h('input', { id: 'code', name: 'code', value: code, placeholder: 'XXXX-XXXX-XXXX', autocomplete: 'off', spellcheck: 'false', required: true });

	return {
		title: 'Verify a certificate',
		content: [
			h('form', {
				onsubmit: (event: SubmitEvent) => {
					event.preventDefault();
					location.hash = `#/verify/${encodeURIComponent(input.value.trim())}`;
				},
			}, h('label', { for: 'code' }, 'The code on it'), input, h('button', {}, 'Verify')),
			code && await result(code),
		],
	};
};
