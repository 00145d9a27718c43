// A file on its way in and out again, in a real browser. See app.test.mjs for how to
// run it against a server instead of the mock.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { launch, server, signIn } from './browser.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let target;
let browser;
let page;
let connection;
const trouble = [];

before(async () => {
  target = await server();
  browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB', timezoneId: 'Europe/Berlin' });
  // Playwright sees downloads, not what a page writes into a file that a person chose.
  await context.addInitScript(() => { delete window.showSaveFilePicker; });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => trouble.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (4\d\d|503)/.test(message.text())) trouble.push(message.text());
  });
  await signIn(page, target);
  const made = await context.request.post(`${target.base}/api/v1/connections`, {
    data: { name: `Import ${Date.now()}`, event_source: 'Shop', event_object: 'Order' }, headers: { Authorization: `Bearer ${target.key}` },
  });
  connection = await made.json();
});

after(async () => {
  await browser?.close();
  target?.stop();
});

async function accessible() {
  await page.evaluate(await readFile(axe, 'utf8'));
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join('\n')}`), []);
}

test('a file is looked at, asked about, imported, and its refused rows come back', async () => {
  await page.goto(`${target.base}/connections/${connection.id}/import`);
  const text = 'id,date,email\n1,03/04/2025,a@example.com\n2,05/06/2025,nobody\n3,07/08/2025,c@example.com\n';
  await page.getByLabel('File to import').setInputFiles({ name: 'orders.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await page.getByText('can be read in several ways').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled(), true);
  await page.getByRole('alert').getByRole('combobox', { name: 'Form of the dates of date' }).click();
  await page.getByRole('option', { name: /^Day first/ }).click();
  await page.getByText('Of the first 3 rows 1 would be refused:').waitFor();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText('Done', { exact: true }).waitFor();
  await page.getByText('event_email is not a valid address: it has no @').waitFor();
  assert.match(page.url(), /\?import=[0-9a-f-]{36}$/);
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download refused rows' }).click()]);
  assert.equal(saved.suggestedFilename(), 'orders.refused.csv');
  assert.equal(await readFile(await saved.path(), 'utf8'), 'import_row,import_reason,id,date,email\n2,event_email is not a valid address: it has no @,2,05/06/2025,nobody\n');
});

test('the page of an import can be opened again', async () => {
  await page.reload();
  await page.getByText('Done', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Another file' }).click();
  await page.getByRole('table', { name: 'Earlier imports' }).getByRole('button', { name: 'orders.csv' }).click();
  await page.getByText('Done', { exact: true }).waitFor();
  await accessible();
});

test('a column can be sent elsewhere', async () => {
  await page.getByRole('button', { name: 'Another file' }).click();
  const text = 'id,date,email,wert\n1,2025-04-03,a@example.com,5\n';
  await page.getByLabel('File to import').setInputFiles({ name: 'more.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await page.getByLabel('Path of wert in the payload').waitFor();
  await page.getByLabel('Path of wert in the payload').fill('value.net');
  await page.getByLabel('Path of wert in the payload').press('Enter');
  if (target.real) await page.getByText('"net": 5').waitFor();
  await page.getByRole('combobox', { name: 'Where wert goes' }).click();
  await page.getByRole('option', { name: 'Leave out' }).click();
  await page.getByLabel('Path of wert in the payload').waitFor({ state: 'detached' });
  await accessible();
  await page.getByRole('button', { name: 'Cancel' }).click();
});

test('the page can be used by everybody', async () => {
  await page.goto(`${target.base}/connections/${connection.id}/import`);
  await page.getByText('Drop a file here').waitFor();
  await accessible();
});

test('events come out as a file', async () => {
  if (!target.real) return; // the mock does not count what it imports
  await page.goto(`${target.base}/connections/${connection.id}`);
  await page.getByRole('button', { name: 'Export' }).click();
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /^NDJSON/ }).click()]);
  const lines = (await readFile(await saved.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line).event_id);
  assert.deepEqual(lines.toSorted(), ['1', '3']);
});

test('nothing went wrong on the way', () => assert.deepEqual(trouble, []));
