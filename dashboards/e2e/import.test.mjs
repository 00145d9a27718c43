// A file on its way in and out again.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import { nothingWasWrong, openApp, unique } from './app.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const app = openApp();
let connection;

before(async () => {
  connection = await app.newConnection(`Import ${unique()}`);
});

async function accessible() {
  await app.page.evaluate(await readFile(axe, 'utf8'));
  const { violations } = await app.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join('\n')}`), []);
}

test('a file is looked at, asked about, imported, and its refused rows come back', async () => {
  // Playwright sees downloads, not what a page writes into a file that a person chose.
  await app.context.addInitScript(() => { delete window.showSaveFilePicker; });
  await app.go(`/connections/${connection.id}/import`);
  const text = 'id,date,email\n1,03/04/2025,a@example.com\n2,05/06/2025,nobody\n3,07/08/2025,c@example.com\n';
  await app.page.getByLabel('File to import').setInputFiles({ name: 'orders.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await app.page.getByText('can be read in several ways').waitFor();
  assert.equal(await app.page.getByRole('button', { name: 'Import', exact: true }).isDisabled(), true);
  await app.page.getByRole('alert').getByRole('combobox', { name: 'Form of the dates of date' }).click();
  await app.page.getByRole('option', { name: /^Day first/ }).click();
  await app.page.getByText('Of the first 3 rows 1 would be refused:').waitFor();
  await app.page.getByRole('button', { name: 'Import', exact: true }).click();
  await app.page.getByText('Done', { exact: true }).waitFor();
  await app.page.getByText('event_email is not a valid address: it has no @').waitFor();
  assert.match(app.page.url(), /\?import=[0-9a-f-]{36}$/);
  const [saved] = await Promise.all([app.page.waitForEvent('download'), app.page.getByRole('button', { name: 'Download refused rows' }).click()]);
  assert.equal(saved.suggestedFilename(), 'orders.refused.csv');
  assert.equal(await readFile(await saved.path(), 'utf8'), 'import_row,import_reason,id,date,email\n2,event_email is not a valid address: it has no @,2,05/06/2025,nobody\n');
});

test('the page of an import can be opened again', async () => {
  await app.page.reload();
  await app.page.getByText('Done', { exact: true }).waitFor();
  await app.page.getByRole('button', { name: 'Another file' }).click();
  await app.page.getByRole('table', { name: 'Earlier imports' }).getByRole('button', { name: 'orders.csv' }).click();
  await app.page.getByText('Done', { exact: true }).waitFor();
  await accessible();
});

test('a column can be sent elsewhere', async () => {
  await app.page.getByRole('button', { name: 'Another file' }).click();
  const text = 'id,date,email,wert\n1,2025-04-03,a@example.com,5\n';
  await app.page.getByLabel('File to import').setInputFiles({ name: 'more.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await app.page.getByLabel('Path of wert in the payload').waitFor();
  await app.page.getByLabel('Path of wert in the payload').fill('value.net');
  await app.page.getByLabel('Path of wert in the payload').press('Enter');
  await app.page.getByText('"net": 5').waitFor();
  await app.page.getByRole('combobox', { name: 'Where wert goes' }).click();
  await app.page.getByRole('option', { name: 'Leave out' }).click();
  await app.page.getByLabel('Path of wert in the payload').waitFor({ state: 'detached' });
  await accessible();
  await app.page.getByRole('button', { name: 'Cancel' }).click();
});

test('the page can be used by everybody', async () => {
  await app.go(`/connections/${connection.id}/import`);
  await app.page.getByText('Drop a file here').waitFor();
  await accessible();
});

test('events come out as a file', async () => {
  await app.go(`/connections/${connection.id}`);
  await app.page.getByRole('button', { name: 'Export' }).click();
  const [saved] = await Promise.all([app.page.waitForEvent('download'), app.page.getByRole('menuitem', { name: /^NDJSON/ }).click()]);
  const lines = (await readFile(await saved.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line).event_id);
  assert.deepEqual(lines.toSorted(), ['1', '3']);
});

nothingWasWrong(app);
