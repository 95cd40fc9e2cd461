// retention.ts: how many learners have seen each part of a lesson, as a chart and as a table.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { CoursePage } from '../../../supabase-app/src/learner.js';
import { clock, h } from '../html.js';
import { supabase } from '../session.js';
import type { Lesson } from './course.js';

type Steps = { second: number; learners: number }[];

// The chart is drawn on a canvas, so it takes its colours from the style sheet by hand.
function draw(box: HTMLElement, steps: Steps): uPlot {
	const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);
	const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '13px system-ui' };

	return new uPlot({
		width: box.clientWidth,
		height: 240,
		scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(1, most)] } },
		legend: { show: false },
		cursor: { show: false },
		axes: [
			{ ...axis, size: 32, values: (_, seconds) => seconds.map(clock) },
			{ ...axis, values: (_, counts) => counts.map((count) => Number.isInteger(count) ? String(count) : '') },
		],
		series: [{}, { stroke: colour('--accent'), fill: colour('--accent-soft'), width: 2, points: { show: false } }],
	}, [steps.map(({ second }) => second), steps.map(({ learners }) => learners)], box);
}

function table(steps: Steps): HTMLElement {
	return h('details', {}, h('summary', {}, 'As a table'), h('table', {},
		h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'From'), h('th', { scope: 'col' }, 'Learners'))),
		h('tbody', {}, ...steps.map(({ second, learners }) => h('tr', {}, h('th', { scope: 'row' }, clock(second)), h('td', {}, String(learners)))))));
}

async function stepsOf({ id, duration_seconds }: Lesson): Promise<Steps> {
	// Forty steps or so, however long the lesson is.
	const step_seconds = Math.ceil(duration_seconds! / 40);

	return (await supabase().rpc('lesson_retention', { lesson_id: id, step_seconds }, { get: true }).throwOnError()).data;
}

export async function retention(course: CoursePage, signal: AbortSignal): Promise<HTMLElement> {
	const lessons = course.modules.flatMap(({ lessons }) => lessons).filter(({ duration_seconds }) => duration_seconds);
	if (lessons.length === 0) return h('p', {}, 'No lesson has a video yet.');
	const select = h('select', { id: 'retention', onchange: () => void load() },
		...lessons.map(({ id, title }) => h('option', { value: id }, title)));
	const box = h('div', { class: 'chart', role: 'img' });
	const numbers = h('div');
	let steps: Steps = [];
	let chart: uPlot | undefined;

	function redraw(): void {
		chart?.destroy();
		// Before the page is shown the box has no width yet.
		if (box.clientWidth > 0) chart = draw(box, steps);
	}

	async function load(): Promise<void> {
		const lesson = lessons.find(({ id }) => id === select.value)!;

		steps = await stepsOf(lesson);
		box.setAttribute('aria-label', `${lesson.title}: ${steps[0]?.learners} learners at the start, ${steps.at(-1)?.learners} at the end`);
		numbers.replaceChildren(table(steps));
		redraw();
	}

	const size = new ResizeObserver(redraw);

	await load();
	size.observe(box);
	signal.addEventListener('abort', () => size.disconnect());
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw, { signal });
	return h('div', {}, h('label', { for: 'retention' }, 'Lesson '), select, box, numbers);
}
