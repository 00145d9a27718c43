// What all browser tests of the app share: one page, signed in, that is watched for
// anything that is wrong behind the scenes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { call, launch, post, signIn, target } from './browser.mjs';
export { unique } from './browser.mjs';

export const patience = 20_000;

export const payment = (id, extra = {}) => ({
  event_id: id, event_timestamp: new Date().toISOString(), event_email: 'grace@example.com',
  event_payload: { revenue: 49.5, currency: 'EUR', product_name: 'Premium Plan' }, ...extra,
});

/** Opens the app before the tests of a file; what it returns is filled then. */
export function openApp() {
  const app = {
    ...target(),
    trouble: [],
    call: (method, path, body) => call(app, method, path, body),
    post: (url, events) => post(app, url, events),
    newConnection: (name) => call(app, 'POST', '/api/v1/connections', { name, event_source: 'Stripe', event_object: 'Payment' }),
    /** Opens a path of the app and waits for its heading. */
    async go(path) {
      await app.page.goto(app.base + path);
      await app.page.locator('h1').first().waitFor();
    },
    /** A page of somebody else, who is not signed in. */
    async stranger() {
      const context = await app.browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin' });
      const page = await context.newPage();
      page.setDefaultTimeout(patience);
      watch(page, app);
      return page;
    },
  };
  before(async () => {
    app.browser = await launch();
    app.context = await app.browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', permissions: ['clipboard-read', 'clipboard-write'] });
    app.page = await app.context.newPage();
    app.page.setDefaultTimeout(patience);
    watch(app.page, app);
    await signIn(app.page, app);
  });
  after(async () => {
    await app.browser?.close();
  });
  return app;
}

/** A page may not break its own policy, throw, or talk to anybody else. */
function watch(page, { base, trouble }) {
  page.on('pageerror', (error) => trouble.push(error.message));
  page.on('console', (message) => {
    // The browser itself logs answers with an error status, which tests ask for.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) trouble.push(`${page.url()}: ${message.text()} (${message.location().url}:${message.location().lineNumber}:${message.location().columnNumber})`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !/^(data|blob):/.test(request.url())) trouble.push(`foreign host: ${request.url()}`);
  });
}

/** The last test of every file. */
export function nothingWasWrong(app) {
  test('nothing was wrong behind the scenes', () => {
    assert.deepEqual([...new Set(app.trouble)], []);
  });
}
