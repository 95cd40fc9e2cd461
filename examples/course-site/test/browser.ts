// browser.ts: Debian's Chromium, and what the tests do in it.
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import type { Site } from '../server/site.js';

export const minute = 60_000;

// How the site is looked at.
export const looks = {
	light: { colorScheme: 'light', viewport: { width: 1000, height: 700 } },
	dark: { colorScheme: 'dark', viewport: { width: 1000, height: 700 } },
	phone: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
} as const;

export async function look(page: Page, { colorScheme, viewport }: typeof looks[keyof typeof looks]): Promise<void> {
	await page.emulateMedia({ colorScheme });
	await page.setViewportSize(viewport);
}

// Videos play without anybody's click.
export const launch = (): Promise<Browser> =>
	chromium.launch({ executablePath: '/usr/bin/chromium', timeout: minute, args: ['--autoplay-policy=no-user-gesture-required'] });

// Shows a page of the site, once all of it is there.
export async function go(page: Page, site: Site, path: string): Promise<void> {
	await page.goto('about:blank');
	await page.goto(`${site.url}#${path}`);
	await page.locator('main h1').waitFor();
}

// A page of somebody who has signed in, or of a visitor.
export async function open(browser: Browser, site: Site, who?: 'Ada' | 'Ben' | 'Iris'): Promise<Page> {
	const page = await (await browser.newContext()).newPage();

	await look(page, looks.light);
	page.setDefaultTimeout(minute);
	await go(page, site, '/');
	if (who) {
		await page.getByRole('button', { name: `Sign in as ${who}` }).click();
		await page.getByRole('heading', { level: 1, name: 'Courses' }).waitFor();
	}
	return page;
}

// The video of a page, once it can be played from where the learner left it.
async function videoOf(page: Page): Promise<Locator> {
	const video = page.locator('video');

	await video.evaluate(async (video: HTMLVideoElement, limit) => {
		const end = Date.now() + limit;

		// It waits at least once: what the page does when the video has loaded comes before that.
		do {
			await new Promise((resolve) => setTimeout(resolve, 20));
			if (Date.now() > end) throw new Error(`the video does not load: readyState ${video.readyState}, ${video.error?.message ?? 'no error'}`);
		} while (video.seeking || video.readyState < video.HAVE_FUTURE_DATA);
	}, minute);
	return video;
}

// Whether the browser has these seconds of the video, and needs no network for them.
export async function loaded(page: Page, from: number, to: number): Promise<boolean> {
	return (await videoOf(page)).evaluate((video: HTMLVideoElement, [from, to]) => {
		const { buffered } = video;

		video.preload = 'auto';
		return Array.from({ length: buffered.length }, (_, i) => buffered.start(i) <= from! && to! <= buffered.end(i)).includes(true);
	}, [from, to]);
}

// Plays the video from where it is: so many of its seconds, or twice as fast to its end.
// A busy machine plays a little more: played() says what it was.
export async function play(page: Page, seconds = Infinity): Promise<void> {
	await (await videoOf(page)).evaluate(async (video: HTMLVideoElement, [seconds, limit]) => {
		const until = seconds === null ? Infinity : video.currentTime + seconds!;
		const end = Date.now() + limit!;

		video.playbackRate = seconds === null ? 2 : 1;
		const playing = video.play();
		while (!video.paused) {
			await new Promise((resolve) => setTimeout(resolve, 20));
			if (video.currentTime >= until) video.pause();
			if (Date.now() > end) throw new Error(`the video stands at second ${video.currentTime}: readyState ${video.readyState}`);
		}
		await playing;
	}, [Number.isFinite(seconds) ? seconds : null, minute]);
}

// What was played since the page was loaded, as the server keeps it: whole seconds, rounded outward.
export async function played(page: Page): Promise<string> {
	return page.locator('video').evaluate(({ played, duration }: HTMLVideoElement) => '{' + Array.from({ length: played.length }, (_, i) =>
		`[${Math.floor(played.start(i))},${Math.min(Math.ceil(played.end(i)), Math.floor(duration))})`) + '}');
}

export async function seek(page: Page, second: number): Promise<void> {
	await (await videoOf(page)).evaluate((video: HTMLVideoElement, second) => void (video.currentTime = second), second);
}
