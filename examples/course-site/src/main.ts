// main.ts: shows the page that the address names, under a header.
import { h, reload, type Child } from './html.js';
import { catalogue } from './pages/catalogue.js';
import { certificates, verification } from './pages/certificates.js';
import { course } from './pages/course.js';
import { dashboard, teaching } from './pages/dashboard.js';
import { player } from './pages/player.js';
import { signInPage } from './pages/sign-in.js';
import { person, signOut } from './session.js';
import './style.css';

// A page answers its title and what is in it. Its signal is aborted when it is left.
export type Page = (parameters: string[], signal: AbortSignal) => Promise<{ title: string; content: Child[] }>;

const pages: [path: RegExp, page: Page][] = [
	[/^\/$/, catalogue],
	[/^\/courses\/([^/]+)$/, course],
	[/^\/courses\/([^/]+)\/([^/]+)$/, player],
	[/^\/certificates$/, certificates],
	[/^\/verify(?:\/([^/]+))?$/, verification],
	[/^\/teach$/, teaching],
	[/^\/teach\/([^/]+)$/, dashboard],
];
const links = [['/', 'Courses'], ['/certificates', 'Certificates'], ['/teach', 'Teach'], ['/verify', 'Verify']] as const;

const header = document.querySelector('header')!;
const main = document.querySelector('main')!;
let left = new AbortController();

function showHeader(path: string): void {
	const who = person();

	header.replaceChildren(
		h('a', { class: 'brand', href: '#/' }, 'The Workshop'),
		h('nav', { 'aria-label': 'Main' }, ...links.map(([to, name]) =>
			(who || to === '/verify') && h('a', { href: `#${to}`, 'aria-current': path === to && 'page' }, name))),
		...who ? [h('div', { class: 'who' }, h('span', {}, who.name),
			h('button', { class: 'quiet', onclick: () => (signOut(), reload()) }, 'Sign out'))] : []);
}

async function show(): Promise<void> {
	const path = location.hash.slice(1) || '/';
	const [route, page] = pages.find(([route]) => route.test(path)) ?? [];

	left.abort();
	left = new AbortController();
	const { signal } = left;
	let shown: Awaited<ReturnType<Page>>;

	showHeader(path);
	try {
		if (!route || !page) throw new Error('There is no such page.');
		const parameters = route.exec(path)!.slice(1).map((part) => part && decodeURIComponent(part));
		shown = await (person() || page === verification ? page : signInPage)(parameters, signal);
	} catch (error) {
		const { message, hint } = error as { message: string; hint?: string };
		shown = { title: 'This did not work', content: [h('p', { role: 'alert' }, message), hint && h('p', {}, hint)] };
	}
	// Another page may have been asked for meanwhile.
	if (signal.aborted) return;
	const heading = h('h1', { tabindex: -1 }, shown.title);

	document.title = `${shown.title} · The Workshop`;
	main.replaceChildren(heading, ...shown.content.filter((child) => !!child) as Node[]);
	// So that a screen reader begins with the new page.
	heading.focus({ preventScroll: true });
	scrollTo(0, 0);
}

// "#main" is the skip link's, and no page.
window.addEventListener('hashchange', () => location.hash !== '#main' && void show());
void show();
