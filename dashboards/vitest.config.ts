import { defineConfig } from 'vitest/config';

// Only what is pure: pages are tested in a real browser, in e2e/.
export default defineConfig({ test: { include: ['src/**/*.test.ts'], environment: 'node', env: { LC_ALL: 'en-GB', TZ: 'UTC' } } });
