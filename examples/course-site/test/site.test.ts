// site.test: a learner, an instructor and a visitor, in Debian's Chromium; and whoever tries to cheat.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { seconds } from '../server/demo.js';
import { startSite, type Site } from '../server/site.js';
import { go, launch, loaded, look, looks, minute, open, play, played, seek } from './browser.js';

const axe = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');

describe('a course site', { timeout: 20 * minute }, () => {
	let site: Site;
	let browser: Browser;
	let ada: Page;
	let iris: Page;
	let lessons: Record<string, string>;

	before(async () => {
		site = await startSite();
		browser = await launch();
		const { rows } = await site.admin.query('SELECT title, id FROM lessons');
		lessons = Object.fromEntries(rows.map(({ title, id }) => [title, id]));
		ada = await open(browser, site, 'Ada');
		iris = await open(browser, site, 'Iris');
	});

	after(async () => {
		await browser?.close();
		await site?.stop();
	});

	// One that hangs ends, and says which one it was.
	const test = (what: string, run: () => Promise<void>) => void it(what, { timeout: 5 * minute }, run);
	const lessonPath = (title: string) => `/courses/${site.courses.joints}/${lessons[title]}`;
	const says = (page: Page, text: string | RegExp) => page.locator('main').getByText(text).first().waitFor();

	// How far Ada is, as it stands in the table.
	async function stored(title: string): Promise<{ watched: string; watched_pct: number; position_seconds: number; completed: boolean } | undefined> {
		const { rows } = await site.admin.query(
			'SELECT watched::text, watched_pct, position_seconds, completed FROM content_progress WHERE user_id = $1 AND lesson_id = $2',
			[site.people.ada, lessons[title]]);

		return rows[0];
	}

	async function until(what: () => Promise<boolean>): Promise<void> {
		for (const end = Date.now() + minute; !await what(); await sleep(50)) {
			if (Date.now() > end) throw new Error(`this did not come: ${what}`);
		}
	}

	// Whether a second of the lesson counts as seen.
	async function seen(title: string, second: number): Promise<boolean> {
		const { rows } = await site.admin.query(
			'SELECT FROM content_progress WHERE user_id = $1 AND lesson_id = $2 AND watched @> $3::integer', [site.people.ada, lessons[title], second]);

		return rows.length > 0;
	}

	// Whether just these seconds of the lesson count, each once.
	async function counts(title: string, ...ranges: string[]): Promise<boolean> {
		const { rows } = await site.admin.query(`SELECT FROM content_progress WHERE user_id = $1 AND lesson_id = $2
			AND watched = (SELECT range_agg(r) FROM unnest($3::int4multirange[]) AS r)
			AND watched_pct = (SELECT sum(upper(r) - lower(r)) FROM unnest(watched) AS r) * 100 / $4`, [site.people.ada, lessons[title], ranges, seconds]);

		return rows.length > 0;
	}

	// What a learner who knows the API may try, with a token of their own.
	async function forge(path: string, body: object, method = 'POST'): Promise<{ status: number; answer: any }> {
		const { anonKey, people } = await (await fetch(`${site.url}people.json`)).json() as any;
		const response = await fetch(`${site.url}rest/v1/${path}`, {
			method,
			headers: { apikey: anonKey, authorization: `Bearer ${people[0].token}`, 'content-type': 'application/json' },
			body: JSON.stringify(body),
		});

		return { status: response.status, answer: JSON.parse(await response.text() || 'null') };
	}

	test('a learner enrolls, and sees what is open and why the rest is not', async () => {
		await ada.getByRole('link', { name: 'Hand-cut joints' }).click();
		await says(ada, 'Enroll to watch it');
		await ada.getByRole('button', { name: 'Enroll' }).click();
		await says(ada, '0 % completed');
		await ada.getByRole('link', { name: 'The first saw cut' }).waitFor();
		await says(ada, 'Complete the lessons before it first');
		await says(ada, /Opens on/);
		assert.equal(await ada.getByText('The hidden dovetail').count(), 0, 'no draft');
	});

	test('a course of a higher tier says why it does not let her in', async () => {
		const page = await open(browser, site, 'Ada');

		await go(page, site, `/courses/${site.courses.chairs}`);
		await page.getByRole('button', { name: 'Enroll' }).click();
		await page.getByRole('alert').getByText(/is not open to the tier/).waitFor();
		await page.context().close();
	});

	test('only what was played counts, wherever she seeks', async () => {
		await ada.getByRole('link', { name: 'The first saw cut' }).click();
		await ada.locator('video').waitFor();
		await play(ada, 3);
		await seek(ada, 14);
		await play(ada, 1);
		const ranges = await played(ada);
		assert.match(ranges, /^\{\[0,[3-9]\),\[14,1[5-9]\)\}$/);
		await until(() => counts('The first saw cut', ranges));
		const row = (await stored('The first saw cut'))!;
		assert.equal(row.completed, false);
		await says(ada, `${row.watched_pct} % watched`);
	});

	test('after a reload it goes on where she was', async () => {
		const { position_seconds } = (await stored('The first saw cut'))!;

		await ada.reload();
		await ada.locator('video').waitFor();
		await until(async () => Math.floor(await ada.locator('video').evaluate((video: HTMLVideoElement) => video.currentTime)) === position_seconds);
		await go(ada, site, '/');
		await says(ada, `Hand-cut joints · at 0:${position_seconds}`);
		await ada.getByRole('link', { name: 'The first saw cut' }).click();
		await ada.locator('video').waitFor();
	});

	test('what she watches offline is kept, and sent once she is back', async () => {
		await seek(ada, 7);
		await until(() => loaded(ada, 7, 10));
		await ada.context().setOffline(true);
		await says(ada, /You are offline/);
		await play(ada, 2);
		await sleep(500);
		assert.equal(await seen('The first saw cut', 8), false, 'nothing has arrived');
		await ada.context().setOffline(false);
		await until(() => seen('The first saw cut', 8));
	});

	test('a second tab adds what it plays, and nothing counts twice', async () => {
		const tab = await ada.context().newPage();
		const { watched: before } = (await stored('The first saw cut'))!;
		const all = async () => counts('The first saw cut', before, await played(tab), await played(ada));

		await go(tab, site, lessonPath('The first saw cut'));
		await seek(tab, 0);
		await Promise.all([play(tab, 2), seek(ada, 0).then(() => play(ada, 2))]);
		await until(all);
		await seek(tab, 10);
		await play(tab, 1.5);
		await until(all);
		assert.equal(await seen('The first saw cut', 11), true);
		await tab.close();
	});

	test('a seek to the end completes nothing', async () => {
		await seek(ada, 19);
		await play(ada);
		await until(() => seen('The first saw cut', 19));
		assert.equal((await stored('The first saw cut'))!.completed, false);
	});

	test('nor does a forged request', async () => {
		const lesson_id = lessons['The first saw cut'];
		const locked = lessons['The dovetail'];
		const tries: [path: string, body: object, status: number, code: string, method?: string][] = [
			['rpc/record_progress', { lesson_id, watched_pct: 100 }, 400, '22023'],
			['rpc/record_progress', { lesson_id: locked, played: [[0, 20]] }, 403, '42501'],
			[`content_progress?lesson_id=eq.${lesson_id}`, { watched_pct: 100, completed: true }, 403, '42501', 'PATCH'],
			['rpc/issue_certificate', { course_id: site.courses.joints, user_id: site.people.ada, learner_name: 'Ada' }, 403, '42501'],
			[`lessons?id=eq.${locked}`, { duration_seconds: 1 }, 403, '42501', 'PATCH'],
		];

		for (const [path, body, status, code, method] of tries) {
			const forged = await forge(path, body, method);
			assert.deepEqual([forged.status, forged.answer.code], [status, code], path);
		}
		// Allowed to editors alone, so this finds no lesson.
		assert.deepEqual((await forge(`lessons?id=eq.${lesson_id}`, { is_published: false }, 'PATCH')).status, 204);
		assert.equal((await site.admin.query('SELECT is_published FROM lessons WHERE id = $1', [lesson_id])).rows[0].is_published, true);
	});

	test('she completes the course, and has a certificate that anybody can verify', async () => {
		await go(ada, site, lessonPath('The first saw cut'));
		await seek(ada, 0);
		await play(ada);
		await says(ada, 'Lesson completed.');
		await ada.getByRole('link', { name: 'Next lesson' }).click();
		await ada.getByRole('heading', { level: 1, name: 'Marking with a knife' }).waitFor();

		// The clock of this lesson begins now.
		const { answer } = await forge('rpc/record_progress', { lesson_id: lessons['Marking with a knife'], played: [[0, 20]] });
		assert.equal(answer.completed, false, 'not all at once');
		assert.ok(answer.watched_pct <= 15, `${answer.watched_pct} %`);

		for (const title of ['Marking with a knife', 'The dovetail', 'The mortise and tenon']) {
			await ada.getByRole('heading', { level: 1, name: title }).waitFor();
			await play(ada);
			await ada.getByRole('link', { name: /^(Next lesson|Your certificate)$/ }).click();
		}
		await ada.getByRole('heading', { level: 1, name: 'Your certificates' }).waitFor();
		const code = await ada.getByRole('link', { name: /^(\w{4}-){2}\w{4}$/ }).innerText();

		const visitor = await open(browser, site);
		await visitor.getByRole('link', { name: 'Verify' }).click();
		await visitor.getByLabel('The code on it').fill(code.toLowerCase());
		await visitor.getByRole('button', { name: 'Verify' }).click();
		await says(visitor, 'Ada Example');
		await says(visitor, 'Hand-cut joints');
		await says(visitor, 'valid');
		await visitor.getByLabel('The code on it').fill('0000-0000-0000');
		await visitor.getByLabel('The code on it').press('Enter');
		await says(visitor, 'There is no certificate');
		await visitor.context().close();
		await go(ada, site, '/');
		await says(ada, '100 %');
	});

	test('the instructor sees it, on the last page of the learners', async () => {
		await iris.getByRole('link', { name: 'Teach' }).click();
		await iris.getByRole('link', { name: 'Hand-cut joints' }).click();
		const table = iris.getByRole('group', { name: 'Learners', exact: true });
		const next = iris.getByRole('button', { name: 'Next' });
		let pages = 1;

		for (await table.getByRole('row').nth(1).waitFor(); await next.isEnabled(); pages++) {
			const first = await table.getByRole('row').nth(1).innerText();
			await next.click();
			await until(async () => await table.getByRole('row').nth(1).innerText() !== first);
		}
		assert.equal(pages, 5, 'of 42 learners');
		assert.match(await table.getByRole('row', { name: 'Ada Example' }).innerText(), /100 %\s+4 of 4/);
		await iris.getByRole('button', { name: 'Previous' }).click();
		await until(async () => await table.getByRole('row').count() === 11);
	});

	test('and where learners stop, and what they watch of a lesson', async () => {
		const { rows: [{ started, completed }] } = await site.admin.query(
			'SELECT count(*) AS started, count(*) FILTER (WHERE completed) AS completed FROM content_progress WHERE lesson_id = $1', [lessons['The first saw cut']]);
		const cells = (await iris.getByRole('row', { name: 'The first saw cut' }).innerText()).split(/\s*\t\s*/);
		const chart = iris.getByRole('img', { name: /^The first saw cut: \d+ learners/ });

		assert.deepEqual(cells.slice(1, 3), [started, completed]);
		await chart.locator('canvas').waitFor();
		await iris.getByLabel('Lesson').selectOption('The dovetail');
		const label = await iris.getByRole('img', { name: /^The dovetail/ }).getAttribute('aria-label');
		const [, start, end] = /: (\d+) learners at the start, (\d+) at the end/.exec(label!)!.map(Number);
		assert.ok(start! > end! && end! > 0, label!);
	});

	const titles = async () => (await site.admin.query(
		`SELECT l.title FROM lessons AS l JOIN modules AS m ON m.id = module_id WHERE course_id = $1 ORDER BY m.sort_order, l.sort_order`,
		[site.courses.joints])).rows.map(({ title }) => title);

	test('she puts the lessons in order with the keyboard, and by dragging', async () => {
		const began = await titles();
		const down = iris.getByRole('button', { name: 'Move The first saw cut down' });

		await down.focus();
		await iris.keyboard.press('Enter');
		// The button as it is after the move: the one before it would move the lesson to the same place again.
		await until(async () => await iris.locator('.order .title').nth(1).innerText() === 'The first saw cut');
		assert.equal((await titles())[1], 'The first saw cut');
		await until(() => down.evaluate((button) => button === document.activeElement));
		await iris.keyboard.press('Enter');
		await until(async () => (await titles())[1] === 'The first saw cut' && await iris.locator('.order ol').nth(1).getByText('The first saw cut').count() === 1);
		await iris.locator('.order li', { hasText: 'The first saw cut' }).dragTo(iris.locator('.order li', { hasText: 'Marking with a knife' }));
		await until(async () => String(await iris.locator('.order .title').allInnerTexts()) === String(began));
		assert.deepEqual(await titles(), began);
	});

	test('she publishes a draft, and the learner sees it', async () => {
		const draft = iris.getByRole('switch', { name: 'The hidden dovetail: published' });

		assert.equal(await draft.isChecked(), false);
		await draft.focus();
		await iris.keyboard.press('Space');
		await iris.getByText('The hidden dovetail is published now.').waitFor({ state: 'attached' });
		await go(ada, site, `/courses/${site.courses.joints}`);
		await ada.getByRole('link', { name: 'The hidden dovetail' }).waitFor();
	});

	test('a viewer only looks, and a learner does not even that', async () => {
		await go(iris, site, `/teach/${site.courses.oil}`);
		await iris.getByRole('heading', { name: 'Where learners stop' }).waitFor();
		assert.equal(await iris.getByRole('switch').count(), 0);
		await go(ada, site, `/teach/${site.courses.joints}`);
		await ada.getByRole('alert').getByText(/is not staff of course/).waitFor();
	});

	test('the keyboard comes past a link to the content, and names what it is on', async () => {
		await go(ada, site, '/');
		await ada.keyboard.press('Shift+Tab');
		for (let n = 0; n < 12 && !await ada.evaluate(() => document.activeElement?.classList.contains('skip')); n++) await ada.keyboard.press('Shift+Tab');
		await ada.keyboard.press('Enter');
		await ada.keyboard.press('Tab');
		assert.equal(await ada.evaluate(() => document.querySelector('main')!.contains(document.activeElement)), true);
	});

	test('axe finds nothing serious, and nothing is wider than the window: light, dark, on a phone', async () => {
		const learner = await open(browser, site, 'Ben');
		const visitor = await open(browser, site);
		const { rows: [{ code }] } = await site.admin.query('SELECT code FROM certificates LIMIT 1');
		const pages: [Page, string][] = [
			[visitor, '/'], [visitor, `/verify/${code}`], [visitor, '/verify/none'],
			[learner, '/'], [learner, `/courses/${site.courses.joints}`], [learner, lessonPath('The first saw cut')],
			[learner, lessonPath('The dovetail')], [ada, '/certificates'], [learner, '/certificates'], [learner, '/nowhere'],
			[iris, '/teach'], [iris, `/teach/${site.courses.joints}`],
		];

		for (const [page, path] of pages) {
			await go(page, site, path);
			await page.evaluate(axe);
			for (const [name, as] of Object.entries(looks)) {
				await look(page, as);
				const { violations } = await page.evaluate(() => (globalThis as any).axe.run({ resultTypes: ['violations'], preload: false }));
				assert.deepEqual(violations.filter(({ impact }: any) => ['serious', 'critical'].includes(impact))
					.map(({ id, nodes }: any) => `${path}, ${name}: ${id}: ${nodes.map(({ html }: any) => html)}`), []);
				const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
				assert.ok(content! <= width!, `${path}, ${name}, is ${content} wide, the window ${width}`);
			}
		}
	});
});
