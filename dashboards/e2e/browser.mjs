// The browser and the server that the tests meet:
//   TRIBUTARY_URL, TRIBUTARY_ADMIN_KEY   the server; run.mjs sets them
//   CHROMIUM                             the browser's program, where it is not found
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Finds a Chromium of the system: the tests bring none along. */
export function findChromium() {
  const named = process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = named !== undefined && named !== '' ? [named] : [
    ...['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].flatMap((name) => folders.map((folder) => join(folder, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ];
  const found = candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('The browser tests need Chromium (Debian: apt-get install chromium), or its program in the variable CHROMIUM.');
  return found;
}

export function launch() {
  return chromium.launch({ executablePath: findChromium(), args: flags, headless: true });
}

/** The server's base address and the administrator's key. */
export function target() {
  const { TRIBUTARY_URL: base, TRIBUTARY_ADMIN_KEY: key } = process.env;
  if (!base || !key) throw new Error('TRIBUTARY_URL and TRIBUTARY_ADMIN_KEY are not set: "npm run e2e" starts a server of its own');
  return { base: base.replace(/\/$/, ''), key };
}

/** Signs in by link, as the server prints it. */
export async function signIn(page, { base, key }, path = '/') {
  await page.goto(`${base}${path}#key=${key}`);
  await page.getByRole('navigation', { name: 'Main' }).or(page.getByRole('button', { name: 'Open navigation' })).first().waitFor();
}

export const unique = () => Math.random().toString(36).slice(2, 10);

/** Calls the API with a key, by default the administrator's. */
export async function call({ base, key }, method, path, body) {
  const answer = await fetch(base + path, {
    method, headers: { Authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Posts events as any producer does: to the URL, without a key. */
export function post({ base }, webhookUrl, events) {
  return fetch(base + new URL(webhookUrl).pathname, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: typeof events === 'string' ? events : JSON.stringify(events),
  });
}
