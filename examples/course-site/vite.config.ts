// vite.config.ts: how the site is built; server/site.ts serves it.
import { defineConfig } from 'vite';

export default defineConfig({ build: { outDir: 'dist/site' } });
