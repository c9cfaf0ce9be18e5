// The console's build: hashed, self-contained assets into web/static, which the API process serves.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const API = process.env['VMS_API'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/',
  plugins: [svelte()],
  build: {
    outDir: '../static',
    emptyOutDir: true,
    // No data: URLs and no inline module preload script: the page's CSP allows 'self' alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    sourcemap: false,
  },
  server: {
    proxy: {
      '/api': { target: API, ws: true },
      '/healthz': API,
      '/readyz': API,
    },
  },
});
