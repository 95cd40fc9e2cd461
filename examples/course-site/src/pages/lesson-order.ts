// lesson-order.ts: the lessons of a course, which an editor puts in order, and publishes.
import { coursePage } from '../../../supabase-app/src/learner.js';
import { announce, h } from '../html.js';
import { supabase } from '../session.js';
import type { Lesson, Module } from './course.js';

type Place = { module: Module; before?: Lesson };

// The place one further up or down; from the first or last of a module that is in the next one.
function neighbour(modules: Module[], lesson: Lesson, step: -1 | 1): Place | undefined {
	const number = modules.findIndex(({ lessons }) => lessons.includes(lesson));
	const module = modules[number]!;
	const place = module.lessons.indexOf(lesson);
	const beyond = modules[number + step];

	if (module.lessons[place + step]) return { module, before: module.lessons[step < 0 ? place - 1 : place + 2] };
	return beyond && { module: beyond, before: step < 0 ? undefined : beyond.lessons[0] };
}

class LessonOrder {
	readonly element: HTMLElement;
	#course_id: string;
	#modules: Module[] = [];
	#dragged?: Lesson;
	#list = h('div', { class: 'order' });
	#refusal = h('p', { role: 'alert' });

	constructor(course_id: string) {
		this.#course_id = course_id;
		this.element = h('div', {},
			h('p', { class: 'muted' }, 'Drag a lesson onto another one to put it before that, or use the arrows.'), this.#refusal, this.#list);
	}

	async show(): Promise<void> {
		({ modules: this.#modules } = await coursePage(supabase(), this.#course_id));
		const focused = document.activeElement?.id;

		this.#list.replaceChildren(...this.#modules.map((module) => h('section', this.#target({ module }),
			h('h3', {}, module.title),
			h('ol', {}, ...module.lessons.map((lesson) => this.#row(module, lesson))))));
		// The focus stays on the same control.
		if (focused) document.getElementById(focused)?.focus();
	}

	// Does it, and shows how it is now.
	async #change(what: string, call: () => PromiseLike<unknown>): Promise<void> {
		this.#refusal.textContent = '';
		try {
			await call();
			announce(what);
		} catch (error) {
			this.#refusal.textContent = (error as Error).message;
		}
		await this.show();
	}

	#move(lesson: Lesson, { module, before }: Place): void {
		void this.#change(`${lesson.title} moved.`, () =>
			supabase().rpc('move_lesson', { lesson_id: lesson.id, module_id: module.id, before: before?.id }).throwOnError());
	}

	#publish(lesson: Lesson, is_published: boolean): void {
		void this.#change(`${lesson.title} is ${is_published ? 'published' : 'a draft'} now.`, () =>
			supabase().from('lessons').update({ is_published }).eq('id', lesson.id).throwOnError());
	}

	// Whatever is dragged onto this lands there.
	#target(place: Place) {
		return {
			ondragover: (event: DragEvent) => event.preventDefault(),
			ondrop: (event: DragEvent) => {
				event.preventDefault();
				event.stopPropagation();
				if (this.#dragged && this.#dragged !== place.before) this.#move(this.#dragged, place);
			},
		};
	}

	#button(lesson: Lesson, step: -1 | 1): HTMLElement {
		const to = neighbour(this.#modules, lesson, step);
		const [name, arrow] = step < 0 ? ['up', '↑'] : ['down', '↓'];

		return h('button', {
			id: `${name}-${lesson.id}`, class: 'quiet', 'aria-label': `Move ${lesson.title} ${name}`,
			'aria-disabled': !to && 'true', onclick: () => to && this.#move(lesson, to),
		}, arrow);
	}

	#row(module: Module, lesson: Lesson): HTMLElement {
		return h('li', { draggable: 'true', ondragstart: () => (this.#dragged = lesson), ...this.#target({ module, before: lesson }) },
			h('span', { class: 'grip', 'aria-hidden': 'true' }, '⠿'),
			h('span', { class: 'title' }, lesson.title),
			h('span', { class: 'controls' },
				h('label', {}, 'Published', h('input', {
					id: `published-${lesson.id}`, type: 'checkbox', role: 'switch', 'aria-label': `${lesson.title}: published`, checked: lesson.is_published,
					onchange: (event: Event) => this.#publish(lesson, (event.target as HTMLInputElement).checked),
				})),
				this.#button(lesson, -1), this.#button(lesson, 1)));
	}
}

export async function lessonOrder(course_id: string): Promise<HTMLElement> {
	const order = new LessonOrder(course_id);

	await order.show();
	return order.element;
}
