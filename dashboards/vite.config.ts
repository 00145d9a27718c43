import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/**
 * The app is served by the Tributary binary, from the same origin as its API. In
 * development the API is a running server's, by default that of "make run".
 */
const server = process.env.TRIBUTARY_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The server replaces the placeholder with a fresh nonce in every answer.
  html: { cspNonce: '__CSP_NONCE__' },
  server: { proxy: { '/api': server, '/collector': server, '/openapi.yaml': server } },
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
