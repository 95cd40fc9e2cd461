// pictures.ts: the site in pictures, as a tar on stdout: see "npm run pictures".
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { startSite } from '../server/site.js';
import { go, launch, look, looks, open, play } from './browser.js';

const folder = 'pictures';

// In 256 colours, which is a third of the size.
function shrink(file: string): void {
	execFileSync('ffmpeg', ['-v', 'error', '-i', `${folder}/large.png`, '-vf', 'split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none', `${folder}/${file}`]);
}

async function picture(page: Page, name: string, fullPage = false): Promise<void> {
	for (const [as, options] of Object.entries(looks)) {
		await look(page, options);
		// The chart is drawn again.
		await page.waitForTimeout(500);
		await page.screenshot({ path: `${folder}/large.png`, fullPage });
		shrink(`course-site-${name}-${as}.png`);
	}
}

mkdirSync(folder);
const site = await startSite();
const browser = await launch();

try {
	const learner = await open(browser, site, 'Ben');
	const instructor = await open(browser, site, 'Iris');

	await picture(learner, 'catalogue');
	await go(learner, site, `/courses/${site.courses.joints}`);
	await picture(learner, 'course');
	await learner.getByRole('link', { name: 'Marking with a knife' }).click();
	await learner.locator('video').waitFor();
	await play(learner, 1);
	// Until the controls hide.
	await learner.waitForTimeout(4000);
	await picture(learner, 'player');
	await go(instructor, site, `/teach/${site.courses.joints}`);
	await instructor.getByLabel('Lesson').selectOption('The dovetail');
	await picture(instructor, 'dashboard', true);
	rmSync(`${folder}/large.png`);
	execFileSync('tar', ['-cf', '-', '-C', folder, '.'], { stdio: ['ignore', 'inherit', 'inherit'] });
} finally {
	await browser.close();
	await site.stop();
}
