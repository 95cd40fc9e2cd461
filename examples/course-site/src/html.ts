// html.ts: makes elements. Text stays text, so nothing from the database can become markup.

type Value = string | number | boolean | null | undefined | ((event: any) => void);
export type Child = Node | string | null | undefined | false;

// h('a', { href: '#/' }, 'Courses'). A function listens: { onclick: … }; what is false or null is left out.
export function h<Tag extends keyof HTMLElementTagNameMap>(
	tag: Tag, attributes: Record<string, Value> = {}, ...children: Child[]
): HTMLElementTagNameMap[Tag] {
	const element = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === 'function') element.addEventListener(name.slice(2), value);
		else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? '' : String(value));
	}
	element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

// A bar with its number beside it.
export function bar(percent: number | null, label: string, unit = '%'): HTMLElement {
	return h('div', { class: 'bar' },
		h('progress', { max: 100, value: percent ?? 0, 'aria-label': label }),
		h('span', {}, `${percent ?? 0} ${unit}`));
}

export const day = (time: string) => new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });

export const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

// Shows the page again, as it is now.
export const reload = () => window.dispatchEvent(new HashChangeEvent('hashchange'));

// Tells those who do not see the page what has happened on it.
export function announce(what: string): void {
	document.querySelector('#announcements')!.textContent = what;
}
