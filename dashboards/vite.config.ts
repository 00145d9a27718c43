import react from '@vitejs/plugin-react';
import { defineConfig, type Connect, type PluginOption } from 'vite';

/**
 * The app is served by the Tributary binary, from the same origin as its API.
 * In development the API is the mock in mock/, or a running server whose
 * address stands in TRIBUTARY_URL.
 */
const server = process.env.TRIBUTARY_URL;

function mockApi(): PluginOption {
  return {
    name: 'mock-api',
    apply: 'serve',
    async configureServer(dev) {
      // Only loaded where it is used: nothing of the mock reaches the built app.
      const module: unknown = await import(new URL('mock/api.mjs', import.meta.url).href);
      const { createMock } = module as { createMock: () => { middleware: Connect.NextHandleFunction } };
      dev.middlewares.use(createMock().middleware);
    },
  };
}

export default defineConfig({
  plugins: [react(), server === undefined && mockApi()],
  // The server replaces the placeholder with a fresh nonce in every answer.
  html: { cspNonce: '__CSP_NONCE__' },
  server: server === undefined ? {} : { proxy: { '/api': server, '/collector': server } },
  build: {
    outDir: 'dist/app',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    // Data: URLs would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
});
