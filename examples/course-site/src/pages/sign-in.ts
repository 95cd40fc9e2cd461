// sign-in.ts: chooses one of the demo's people.
import { h, reload } from '../html.js';
import type { Page } from '../main.js';
import { people, signIn } from '../session.js';

export const signInPage: Page = async () => ({
	title: 'Who are you?',
	content: [
		h('p', {}, 'A demo of content_library. Choose somebody to see what they see.'),
		h('ul', { class: 'cards' }, ...people.map(({ id, name, about }) => h('li', { class: 'card' },
			h('h2', {}, name),
			h('p', {}, about),
			h('button', { onclick: () => (signIn(id), reload()) }, `Sign in as ${name}`)))),
	],
});
