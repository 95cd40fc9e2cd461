// lesson-order.ts: the lessons of a course, which an editor puts in order, and publishes.
import { coursePage, type CoursePage } from '../../../supabase-app/src/learner.js';
import { announce, h } from '../html.js';
import { supabase } from '../session.js';

type Module = CoursePage['modules'][number];
type Lesson = Module['lessons'][number];
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

export async function lessonOrder(course_id: string): Promise<HTMLElement> {
	const list = h('div', { class: 'order' });
	const refusal = h('p', { role: 'alert' });
	let dragged: Lesson | undefined;

	// Does it, shows how it is now, and leaves the focus on the same control.
	async function change(what: string, call: () => PromiseLike<unknown>): Promise<void> {
		const focused = document.activeElement?.id;

		refusal.textContent = '';
		try {
			await call();
			announce(what);
		} catch (error) {
			refusal.textContent = (error as Error).message;
		}
		await show();
		if (focused) document.getElementById(focused)?.focus();
	}

	const move = (lesson: Lesson, { module, before }: Place) => change(`${lesson.title} moved.`, () =>
		supabase().rpc('move_lesson', { lesson_id: lesson.id, module_id: module.id, before: before?.id }).throwOnError());

	const publish = (lesson: Lesson, is_published: boolean) => change(`${lesson.title} is ${is_published ? 'published' : 'a draft'} now.`, () =>
		supabase().from('lessons').update({ is_published }).eq('id', lesson.id).throwOnError());

	function button(modules: Module[], lesson: Lesson, step: -1 | 1): HTMLElement {
		const to = neighbour(modules, lesson, step);
		const [name, arrow] = step < 0 ? ['up', '↑'] : ['down', '↓'];

		return h('button', {
			id: `${name}-${lesson.id}`, class: 'quiet', 'aria-label': `Move ${lesson.title} ${name}`,
			disabled: !to, onclick: () => to && void move(lesson, to),
		}, arrow!);
	}

	// Whatever is dragged onto this lands there.
	const target = (place: Place) => ({
		ondragover: (event: DragEvent) => event.preventDefault(),
		ondrop: (event: DragEvent) => {
			event.preventDefault();
			event.stopPropagation();
			if (dragged && dragged !== place.before) void move(dragged, place);
		},
	});

	function row(modules: Module[], module: Module, lesson: Lesson): HTMLElement {
		const id = `published-${lesson.id}`;

		return h('li', { draggable: 'true', ondragstart: () => (dragged = lesson), ...target({ module, before: lesson }) },
			h('span', { class: 'grip', 'aria-hidden': 'true' }, '⠿'),
			h('span', { class: 'title' }, lesson.title),
			h('label', { for: id }, 'Published'),
			h('input', { id, type: 'checkbox', role: 'switch', 'aria-label': `${lesson.title}: published`, checked: lesson.is_published,
				onchange: (event: Event) => void publish(lesson, (event.target as HTMLInputElement).checked) }),
			button(modules, lesson, -1), button(modules, lesson, 1));
	}

	async function show(): Promise<void> {
		const { modules } = await coursePage(supabase(), course_id);

		list.replaceChildren(...modules.map((module) => h('section', target({ module }),
			h('h3', {}, module.title),
			h('ol', {}, ...module.lessons.map((lesson) => row(modules, module, lesson))))));
	}

	await show();
	return h('div', {}, h('p', { class: 'muted' }, 'Drag a lesson onto another one to put it before that, or use the arrows.'), refusal, list);
}
