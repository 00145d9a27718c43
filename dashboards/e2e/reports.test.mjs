// Fields, conversions, reports, dashboards and SQL.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { nothingWasWrong, openApp, payment, unique } from './app.mjs';

const app = openApp();

/** Chooses an entry of a menu that a button opens. */
async function choose(button, entry) {
  await app.page.getByRole('button', { name: button }).click();
  await app.page.getByRole('menuitem', { name: entry }).click();
}

/** Empties the editor: over a selection the browser would write the styles of what it replaces, which the policy forbids. */
async function empty() {
  await app.page.keyboard.press('Control+a');
  await app.page.keyboard.press('Delete');
}

const copied = () => app.page.evaluate(() => navigator.clipboard.readText());
const result = () => app.page.getByRole('table', { name: 'Result' });

describe('fields and reports', () => {
  test('a field is defined in two clicks and charted', async () => {
    const connection = await app.newConnection(`Fields ${unique()}`);
    const path = `amount_${unique()}`;
    await app.post(connection.webhook_url, [10, '20', 30, 'many'].map((value) => payment(unique(), { event_payload: { [path]: value } })));
    await app.go(`/connections/${connection.id}/fields`);
    await app.page.getByRole('button', { name: `Define ${path}` }).click({ timeout: 30_000 });
    await app.page.getByText('recent values fit').waitFor();
    await app.page.getByRole('button', { name: 'Define field' }).click();
    await app.page.getByRole('button', { name: `Field ${path}` }).waitFor();
    // Numbers in strings count, and of what does not fit the report tells.
    await app.call('PUT', `/api/v1/fields/${path}`, { path, type: 'number', connection_ids: [connection.id] });
    await app.go(`/explore?m=sum(${path})&v=number&c=${connection.id}`);
    await app.page.locator('.big-number').filter({ hasText: '60' }).waitFor();
    await app.page.getByText(`1 values of ${path} do not fit`).waitFor();
    await app.page.getByText('Line', { exact: true }).first().click();
    await app.page.locator('canvas').first().waitFor();
    assert.equal(new URL(app.page.url()).searchParams.get('m'), `sum(${path})`);
    await app.page.reload();
    await app.page.locator('canvas').first().waitFor();
  });

  test('a conversion is defined with a preview and makes a funnel', async () => {
    const label = `Refunds ${unique()}`;
    await app.go('/definitions?tab=conversions');
    await app.page.getByRole('button', { name: 'Define a conversion' }).click();
    await app.page.getByLabel('Label', { exact: true }).fill(label);
    await app.page.getByRole('combobox', { name: 'Field' }).click();
    await app.page.getByRole('option', { name: 'Status' }).click();
    await app.page.getByLabel('Value', { exact: true }).first().fill('refunded');
    await app.page.getByText(/[1-9][\d,]* of [\d,]+ events of the last 30 days count/).waitFor();
    await app.page.getByRole('button', { name: 'Define conversion' }).click();
    const name = label.toLowerCase().replace(/[^a-z0-9]+/g, '_');
    await app.page.getByRole('row').filter({ hasText: name }).getByText('status is refunded').waitFor();
    await app.go(`/explore?v=funnel&s=paid_orders&s=${name}&w=30d`);
    await app.page.getByText(`2. ${label}`).waitFor();
  });

  test('a point leads to its events', async () => {
    await app.go('/explore?m=count&d=connection&v=bar&g=none&f=%5B%22connection%22%2C%22eq%22%2C%22CRM%20leads%22%5D');
    const canvas = app.page.locator('canvas').first();
    const { width, height } = await canvas.boundingBox();
    await canvas.click({ position: { x: width / 2, y: height * 0.6 } });
    const events = app.page.getByRole('dialog');
    await events.getByText('Events: CRM leads').waitFor();
    await events.getByRole('button', { name: /@example/ }).first().click();
    await events.locator('.tree').getByText('stage').first().waitFor();
    await app.page.keyboard.press('Escape');
  });

  test('a report leaves as CSV, as an API call and as SQL that runs', async () => {
    await app.go('/explore?m=count&m=sum(revenue)&d=product_name&v=table&f=%5B%22product_name%22%2C%22is_set%22%5D');
    await app.page.getByRole('cell', { name: 'Premium Plan' }).waitFor();
    const download = app.page.waitForEvent('download');
    await choose('Export', 'Download CSV');
    const csv = await readFile(await (await download).path(), 'utf8');
    assert.match(csv, /^product_name,count,sum\(revenue\)\r\n(.*\r\n)+/);
    await choose('Export', 'Copy as API call');
    await app.page.getByText('API call copied').first().waitFor();
    const call = await copied();
    assert.ok(call.includes(`${app.base}/api/v1/reports/query`) && !call.includes(app.key), call);
    await choose('Export', 'Open as SQL');
    await app.page.getByRole('button', { name: 'Run' }).click();
    await result().getByRole('cell', { name: 'Premium Plan' }).waitFor();
    const rows = csv.trim().split('\r\n').slice(1).map((line) => line.split(','));
    const first = rows.find(([product]) => product === 'Premium Plan');
    await result().getByRole('row').filter({ hasText: 'Premium Plan' }).getByText(Number(first[1]).toLocaleString('en-GB'), { exact: true }).waitFor();
  });

  test('periods are compared, buckets follow the time zone, and the address keeps it', async () => {
    await app.go('/explore?m=count');
    await app.page.getByRole('button', { name: /^Time range/ }).click();
    await app.page.getByRole('combobox', { name: 'Compare with' }).click();
    await app.page.getByRole('option', { name: 'The period before' }).click();
    await app.page.getByRole('combobox', { name: 'Time zone' }).fill('Asia/Tokyo');
    await app.page.getByRole('option', { name: 'Asia/Tokyo' }).click();
    await app.page.keyboard.press('Escape');
    const asked = app.page.waitForRequest((request) => request.url().endsWith('/reports/query'));
    await app.page.reload();
    const { compare, time } = (await asked).postDataJSON();
    assert.deepEqual([compare, time.timezone], ['previous_period', 'Asia/Tokyo']);
  });
});

describe('dashboards', () => {
  test('the first event gives a connection a picture', async () => {
    const connection = await app.newConnection(`Picture ${unique()}`);
    await app.go(`/dashboards/connection/${connection.id}`);
    await app.page.getByText('No events yet').waitFor();
    await app.post(connection.webhook_url, [payment(unique())]);
    await app.page.getByRole('region', { name: 'Events', exact: true }).locator('.big-number').filter({ hasText: /^1$/ }).waitFor();
  });

  test('a report is saved onto a new dashboard, arranged and shown full screen', async () => {
    const name = `Board ${unique()}`;
    await app.go('/explore?m=count&v=number');
    for (const [title, board] of [[`First ${name}`, 'New dashboard…'], [`Second ${name}`, name]]) {
      await app.go('/explore?m=count&v=number');
      await app.page.getByRole('button', { name: 'Save report' }).click();
      await app.page.getByLabel('Name', { exact: true }).fill(title);
      await app.page.getByRole('dialog').getByLabel('Dashboard', { exact: true }).click();
      await app.page.getByRole('option', { name: board, exact: true }).click();
      if (board !== name) await app.page.getByLabel('Name of the dashboard').fill(name);
      await app.page.getByRole('button', { name: 'Save', exact: true }).click();
      await app.page.getByRole('heading', { level: 1, name }).waitFor();
      await app.page.getByRole('region', { name: title }).locator('.big-number').waitFor();
    }
    const slug = new URL(app.page.url()).pathname.split('/').at(-1);
    await choose('More', 'Arrange');
    await choose(`Panel Second ${name}`, 'Move before');
    await app.page.keyboard.press('Escape');
    await app.page.getByRole('button', { name: 'Save', exact: true }).click();
    await app.page.getByRole('button', { name: 'Save', exact: true }).waitFor({ state: 'hidden' });
    const { panels } = await app.call('GET', `/api/v1/dashboards/${slug}`);
    assert.match(panels[0].report, /^second/);
    await app.page.getByRole('button', { name: 'Full screen' }).click();
    await app.page.waitForFunction(() => document.fullscreenElement?.classList.contains('board'));
    await app.page.evaluate(() => document.exitFullscreen());
  });

  test('one is shared by a link that shows only it', async () => {
    await app.go('/dashboards/weekly-review');
    await choose('More', 'Share');
    await app.page.getByRole('button', { name: 'Create link' }).click();
    const link = await app.page.getByLabel('Link', { exact: true }).textContent();
    const page = await app.stranger();
    await page.goto(link);
    await page.getByRole('heading', { name: 'Weekly review' }).waitFor();
    await page.locator('.big-number').first().waitFor();
    await page.getByText('1. New leads').waitFor();
    await page.getByRole('cell', { name: 'DE', exact: true }).waitFor();
    assert.equal(await page.getByRole('navigation', { name: 'Main' }).count(), 0);
    const key = new URL(link).hash.slice('#key='.length);
    for (const path of ['connections', 'dashboards', 'reports', 'status', 'fields', 'keys']) {
      const { status } = await fetch(`${app.base}/api/v1/${path}`, { headers: { Authorization: `Bearer ${key}` } });
      assert.equal(status, path === 'reports' ? status : 403, path);
    }
    await page.context().close();
    await app.page.keyboard.press('Escape');
  });
});

describe('SQL', () => {
  test('runs, completes views and fields, and remembers', async () => {
    const query = `SELECT event_id, '${unique()}' AS mark FROM events LIMIT 5`;
    await app.go('/sql');
    await app.page.getByRole('button', { name: 'payment_events' }).waitFor();
    await app.page.locator('.cm-content').click();
    await empty();
    await app.page.keyboard.insertText('SELECT * FROM pay');
    await app.page.keyboard.type('m');
    await app.page.locator('.cm-tooltip-autocomplete').getByText('payment_events').waitFor();
    await app.page.keyboard.press('Escape');
    await empty();
    await app.page.keyboard.insertText(query);
    await app.page.keyboard.press('Control+Enter');
    await result().getByRole('columnheader', { name: 'event_id' }).waitFor();
    await app.page.reload();
    await app.page.getByRole('button', { name: 'History' }).click();
    await app.page.getByRole('dialog').getByText(query).waitFor();
    await app.page.keyboard.press('Escape');
  });

  test('draws a chart of its rows', async () => {
    await app.go(`/sql?q=${encodeURIComponent('SELECT toDate(event_timestamp) AS day, count() AS n FROM events GROUP BY day ORDER BY day')}`);
    await app.page.getByRole('button', { name: 'Run' }).click();
    await app.page.getByText('Chart', { exact: true }).click();
    await app.page.locator('canvas').first().waitFor();
  });

  test('that is not allowed is explained', async () => {
    for (const query of ['DROP TABLE events', 'SELECT * FROM url(\'http://127.0.0.1\')', 'SELECT nothing FROM events']) {
      await app.go(`/sql?q=${encodeURIComponent(query)}`);
      await app.page.getByRole('button', { name: 'Run' }).click();
      await app.page.getByRole('alert').filter({ hasText: 'The statement did not run' }).waitFor();
    }
  });

  test('draws of 10,000 rows only those in view', async () => {
    await app.go(`/sql?q=${encodeURIComponent('SELECT arrayJoin(range(10000)) AS number')}`);
    await app.page.getByRole('button', { name: 'Run' }).click();
    await result().getByRole('cell').first().waitFor();
    assert.equal(await result().getAttribute('aria-rowcount'), '10001');
    assert.ok((await result().getByRole('row').count()) < 100);
    await result().evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await result().locator('[aria-rowindex="10001"]').waitFor();
  });
});

nothingWasWrong(app);
