// The app in a real browser. Against a running server with
//   TRIBUTARY_URL=http://127.0.0.1:8080 TRIBUTARY_ADMIN_KEY=… npm run e2e
// and against the mock without these variables. Each test makes what it needs.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createRequire } from 'node:module';
import { launch, server, signIn } from './browser.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const patience = 10_000;

let target;
let browser;
let context;
let page;
const trouble = [];

before(async () => {
  target = await server();
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', permissions: ['clipboard-read', 'clipboard-write'] });
  page = await context.newPage();
  page.setDefaultTimeout(patience);
  watch(page);
  await signIn(page, target);
});

after(async () => {
  await browser?.close();
  target?.stop();
});

/** A page may not break its own policy, throw, or talk to anybody else. */
function watch(watched) {
  watched.on('pageerror', (error) => trouble.push(error.message));
  watched.on('console', (message) => {
    if (message.type() === 'error' && !/status of (4\d\d|503)/.test(message.text())) trouble.push(message.text());
  });
  watched.on('request', (request) => {
    if (!request.url().startsWith(target.base) && !/^(data|blob):/.test(request.url())) trouble.push(`foreign host: ${request.url()}`);
  });
}

async function call(method, path, data) {
  const answer = await context.request.fetch(target.base + path, { method, data, headers: { Authorization: `Bearer ${target.key}` } });
  assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.status() === 204 ? null : answer.json();
}

const newConnection = (name) => call('POST', '/api/v1/connections', { name, event_source: 'Stripe', event_object: 'Payment' });

/** Posts events as any producer does: to the URL, without a key. */
async function post(webhookUrl, events) {
  return fetch(target.base + new URL(webhookUrl).pathname, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(events),
  });
}

const payment = (id, extra = {}) => ({
  event_id: id, event_timestamp: new Date().toISOString(), event_email: 'grace@example.com',
  event_payload: { revenue: 49.5, currency: 'EUR', product_name: 'Premium Plan' }, ...extra,
});

const unique = () => Math.random().toString(36).slice(2, 10);

describe('signing in', () => {
  test('takes the key out of the address bar', async () => {
    assert.equal(new URL(page.url()).hash, '');
    await page.getByRole('heading', { level: 1, name: 'Connections' }).waitFor();
  });

  test('refuses a wrong key and takes a right one', async () => {
    const fresh = await browser.newContext();
    const other = await fresh.newPage();
    await other.goto(`${target.base}/connections`);
    await other.getByLabel('API key', { exact: true }).fill('wrong');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByText('No such key').waitFor();
    await other.getByLabel('API key', { exact: true }).fill(target.key);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('heading', { level: 1, name: 'Connections' }).waitFor();
    await fresh.close();
  });
});

describe('the help page’s three steps', () => {
  const name = `CRM Leads ${unique()}`;
  let url;

  test('1: create the connection', async () => {
    await page.goto(`${target.base}/connections`);
    await page.getByRole('link', { name: 'Create connection' }).first().click();
    await page.getByLabel('Search kinds of connections').fill('Webhook Event');
    await page.getByRole('button', { name: /^Webhook Event/ }).click();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Event source').fill('Pipedrive');
    await page.getByLabel('Event object').fill('Lead');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('heading', { name: 'Awaiting data' }).waitFor();
  });

  test('2: copy the webhook URL', async () => {
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    url = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(url, /\/collector\/webhook_event\/[\w-]{16,}$/);
    for (const language of ['curl', 'Go', 'Python', 'Node', 'PHP']) {
      await page.getByRole('tab', { name: language }).click();
      assert.ok((await page.getByLabel(`${language} code`, { exact: true }).textContent()).includes(url), `${language} lacks the URL`);
    }
  });

  test('3: the first event turns it to Connected by itself', async () => {
    assert.equal((await post(url, [payment(`first_${unique()}`)])).status, 201);
    await page.getByRole('heading', { name: 'Connected', exact: true }).waitFor();
    await page.getByText('The first event has arrived').waitFor();
    await page.goto(`${target.base}/connections`);
    const row = page.getByRole('link').filter({ hasText: name });
    await row.getByText('Connected').waitFor();
  });

  test('a test event can be sent from the app', async () => {
    const connection = await newConnection(`Test event ${unique()}`);
    await page.goto(`${target.base}/connections/${connection.id}`);
    await page.getByRole('button', { name: 'Send a test event' }).click();
    await page.getByText('Connected', { exact: true }).first().waitFor();
  });
});

describe('live', () => {
  test('shows an event as it comes', async () => {
    const connection = await newConnection(`Live ${unique()}`);
    await page.goto(`${target.base}/connections/${connection.id}/live`);
    await page.getByText('Live', { exact: true }).last().waitFor();
    const id = `live_${unique()}`;
    await post(connection.webhook_url, [payment(id)]);
    await page.getByText(id).waitFor();
    await page.getByRole('button', { name: new RegExp(id) }).click();
    await page.locator('.tree').getByText('"Premium Plan"').waitFor();
  });

  test('shows why a request was refused, next to the part, and replays it mended', async () => {
    const connection = await newConnection(`Refused ${unique()}`);
    const id = `bad_${unique()}`;
    assert.equal((await post(connection.webhook_url, [payment(id, { event_email: 'not an address' })])).status, 422);
    await page.goto(`${target.base}/connections/${connection.id}/live?show=refused`);
    await page.getByRole('button', { name: /Refused/ }).click();
    const wrong = page.locator('.tree li').filter({ hasText: 'event_email' }).last();
    await wrong.locator('.j-bad').waitFor();
    assert.ok((await wrong.locator('.j-reason').textContent()).length > 5);
    await page.getByRole('button', { name: 'Mend and replay' }).click();
    const editor = page.getByRole('dialog').locator('.cm-content');
    await editor.waitFor();
    await page.getByRole('dialog').locator('.cm-lintRange-error').first().waitFor();
    await editor.click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(JSON.stringify([payment(id)]));
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByRole('dialog').getByText('Stored', { exact: true }).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('All', { exact: true }).click();
    await page.getByRole('button', { name: new RegExp(id) }).first().waitFor();
  });
});

describe('fields and reports', () => {
  test('a field is defined in two clicks and charted', async () => {
    const connection = await newConnection(`Fields ${unique()}`);
    const path = `amount_${unique()}`;
    await post(connection.webhook_url, [1, 2, 3].map((n) => payment(`f${n}_${unique()}`, { event_payload: { [path]: n * 10 } })));
    await page.goto(`${target.base}/connections/${connection.id}/fields`);
    await page.getByRole('button', { name: `Define ${path}` }).click({ timeout: 30_000 });
    await page.getByText('recent values fit').waitFor();
    await page.getByRole('button', { name: 'Define field' }).click();
    await page.getByRole('button', { name: `Field ${path}` }).waitFor();
    await page.goto(`${target.base}/explore?m=sum(${path})&v=number&c=${connection.id}`);
    await page.locator('.big-number').filter({ hasText: '60' }).waitFor();
    await page.getByText('Line', { exact: true }).first().click();
    await page.locator('canvas').first().waitFor();
    assert.equal(new URL(page.url()).searchParams.get('m'), `sum(${path})`);
    await page.reload();
    await page.locator('canvas').first().waitFor();
  });

  test('a dashboard is shared by a link that shows only it', async () => {
    const slug = `e2e-${unique()}`;
    await call('PUT', `/api/v1/reports/${slug}`, { title: 'All events', kind: 'report', visualization: 'number', query: { metrics: ['count'], time: { from: '-30d', to: 'now', timezone: 'UTC' } } });
    await call('PUT', `/api/v1/dashboards/${slug}`, { name: 'Shared one', panels: [{ report: slug, width: 6, height: 's' }] });
    await page.goto(`${target.base}/dashboards/${slug}`);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Share' }).click();
    await page.getByRole('button', { name: 'Create link' }).click();
    const link = await page.getByLabel('Link', { exact: true }).textContent();
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    watch(other);
    await other.goto(link);
    await other.getByRole('heading', { name: 'Shared one' }).waitFor();
    await other.locator('.big-number').waitFor();
    const key = new URL(link).hash.slice('#key='.length);
    const answer = await stranger.request.get(`${target.base}/api/v1/connections`, { headers: { Authorization: `Bearer ${key}` } });
    if (target.real) assert.equal(answer.status(), 403);
    await stranger.close();
    await page.keyboard.press('Escape');
  });

  test('SQL runs and shows its rows', async () => {
    await page.goto(`${target.base}/sql?q=${encodeURIComponent('SELECT event_id, event_email FROM events LIMIT 5')}`);
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+Enter');
    await page.getByRole('table', { name: 'Result' }).getByRole('columnheader', { name: 'event_id' }).waitFor();
  });

  test('SQL that is not allowed is explained', async () => {
    await page.goto(`${target.base}/sql?q=${encodeURIComponent('DROP TABLE events')}`);
    await page.getByRole('button', { name: 'Run' }).click();
    assert.ok((await page.getByRole('alert').textContent()).includes('The statement did not run'));
  });
});

describe('people', () => {
  test('a person is found and erased, with a receipt', async () => {
    const connection = await newConnection(`People ${unique()}`);
    const email = `erase-${unique()}@example.com`;
    await post(connection.webhook_url, [payment(`p_${unique()}`, { event_email: email })]);
    await page.goto(`${target.base}/people`);
    // An event is visible within a second of its 201.
    for (let attempt = 0; attempt < 20; attempt++) {
      await page.getByLabel('E-mail address').fill(email);
      await page.getByRole('button', { name: 'Find' }).click();
      await page.getByRole('heading', { level: 2 }).first().waitFor();
      if (await page.getByRole('button', { name: 'Erase this person' }).isVisible()) break;
      await page.waitForTimeout(250);
      await page.goto(`${target.base}/people`);
    }
    await page.getByRole('button', { name: 'Erase this person' }).click();
    await page.getByLabel('Type the address to confirm').fill(email);
    await page.getByRole('button', { name: 'Erase', exact: true }).click();
    await page.getByRole('heading', { name: 'Erased', exact: true }).waitFor({ timeout: 60_000 });
    await page.getByRole('row', { name: 'Events erased 1' }).waitFor();
  });
});

describe('for everybody', () => {
  for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing serious, ${colorScheme}`, async () => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const { data } = await call('GET', '/api/v1/connections');
      const id = (data.find((c) => c.events_received > 0) ?? data[0]).id;
      const found = [];
      for (const path of ['/connections', '/connections/new?kind=webhook', `/connections/${id}`, `/connections/${id}/live`, `/connections/${id}/fields`, `/connections/${id}/settings`,
        '/explore', '/explore?v=table&d=event_source', '/definitions', '/dashboards', `/dashboards/connection/${id}`, '/sql', '/people?email=ada@example.com', '/operate', '/access']) {
        await page.goto(target.base + path);
        await page.locator('h1').first().waitFor();
        await page.waitForFunction(() => document.querySelector('.mantine-Skeleton-root') === null, null, { timeout: patience }).catch(() => undefined);
        await page.waitForTimeout(200);
        if ((await page.evaluate(() => typeof window.axe)) === 'undefined') await injectAxe();
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
        for (const v of violations) {
          if (v.impact === 'serious' || v.impact === 'critical') found.push(`${path}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`);
        }
      }
      assert.deepEqual(found, []);
    });
  }

  // The policy lets no script tag in; the protocol behind evaluate is not bound by it.
  async function injectAxe() {
    const { readFile } = await import('node:fs/promises');
    await page.evaluate(await readFile(axe, 'utf8'));
  }

  test('the theme is switched and stays', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.goto(`${target.base}/connections`);
    const theme = () => page.locator('html').getAttribute('data-mantine-color-scheme');
    assert.equal(await theme(), 'light');
    await page.getByRole('button', { name: /^Theme/ }).click();
    await page.getByRole('button', { name: /^Theme: light/ }).click();
    assert.equal(await theme(), 'dark');
    await page.reload();
    assert.equal(await theme(), 'dark');
    await page.getByRole('button', { name: /^Theme: dark/ }).click();
  });

  test('the keyboard reaches the content', async () => {
    await page.goto(`${target.base}/connections`);
    await page.locator('h1').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to content');
  });

  test('no page is wider than a phone', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const path of ['/connections', '/connections/new?kind=webhook', '/explore', '/definitions', '/dashboards', '/sql', '/people', '/operate']) {
      await page.goto(target.base + path);
      await page.locator('h1').first().waitFor();
      const extra = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(extra <= 1, `${path} is ${extra} px too wide`);
    }
    await page.setViewportSize({ width: 1280, height: 860 });
  });

  test('a table of 10,000 rows draws only those in view', async () => {
    if (target.real) {
      await page.goto(`${target.base}/sql?q=${encodeURIComponent('SELECT arrayJoin(range(10000)) AS number')}`);
    } else {
      await page.goto(`${target.base}/sql?q=${encodeURIComponent('SELECT * FROM events LIMIT 10000')}`);
    }
    await page.getByRole('button', { name: 'Run' }).click();
    const table = page.getByRole('table', { name: 'Result' });
    await table.getByRole('cell').first().waitFor();
    assert.equal(await table.getAttribute('aria-rowcount'), '10001');
    assert.ok((await table.getByRole('row').count()) < 100);
    await table.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await table.locator('[aria-rowindex="10001"]').waitFor();
  });

  test('unknown files are not answered with the app', async () => {
    if (!target.real) return;
    for (const path of ['/assets/nothing.js', '/api/v1/nothing', '/collector/nothing', '/nowhere']) {
      const answer = await context.request.get(target.base + path, { headers: { Authorization: `Bearer ${target.key}` } });
      assert.equal(answer.status(), 404, path);
      assert.ok(!(await answer.text()).includes('<div id="root">'), path);
    }
  });

  test('nothing was wrong behind the scenes', () => {
    assert.deepEqual([...new Set(trouble)], []);
  });
});
