// The browser and the server that the tests meet. Three variables say which:
//   TRIBUTARY_URL        base address, default: the mock, started for the tests
//   TRIBUTARY_ADMIN_KEY  a key with the role admin
//   CHROMIUM             the browser's program, default /usr/bin/chromium
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chromium } from 'playwright-core';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags, headless: true });
}

/** Returns base, key and stop; starts the mock unless a server is named. */
export async function server(environment = {}) {
  const { TRIBUTARY_URL: base, TRIBUTARY_ADMIN_KEY: key } = process.env;
  if (base !== undefined && base !== '') {
    if (key === undefined || key === '') throw new Error('TRIBUTARY_URL is set: set TRIBUTARY_ADMIN_KEY as well');
    return { base: base.replace(/\/$/, ''), key, real: true, stop: () => undefined };
  }
  const child = spawn(process.execPath, [new URL('../mock/serve.mjs', import.meta.url).pathname], {
    env: { ...process.env, PORT: '0', ...environment }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const address = new URL(String(line).trim());
  return { base: address.origin, key: 'mock-admin', real: false, stop: () => child.kill() };
}

/** Signs in by link, as the server prints it. */
export async function signIn(page, { base, key }, path = '/') {
  await page.goto(`${base}${path}#key=${key}`);
  await page.getByRole('navigation', { name: 'Main' }).or(page.getByRole('button', { name: 'Open navigation' })).first().waitFor();
}
