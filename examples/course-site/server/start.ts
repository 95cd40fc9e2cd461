// start.ts: starts the site, says where it is, and stops it at Ctrl-C.
import { once } from 'node:events';
import { startSite } from './site.js';

const site = await startSite();

console.log(`\nThe site is at ${site.url}\nCtrl-C stops it, and all of it is gone.`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await site.stop();
