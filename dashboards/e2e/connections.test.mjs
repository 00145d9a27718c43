// Signing in, connections, and what arrives at them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nothingWasWrong, openApp, payment, unique } from './app.mjs';

const app = openApp();

describe('signing in', () => {
  test('takes the key out of the address bar', async () => {
    assert.equal(new URL(app.page.url()).hash, '');
    await app.page.getByRole('heading', { level: 1, name: 'Connections' }).waitFor();
  });

  test('refuses a wrong key and takes a right one', async () => {
    const page = await app.stranger();
    await page.goto(`${app.base}/connections`);
    await page.getByLabel('API key', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('No such key').waitFor();
    await page.getByLabel('API key', { exact: true }).fill(app.key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Connections' }).waitFor();
    await page.context().close();
  });

  test('shows a viewer no more than a viewer may do', async () => {
    await app.go('/access');
    await app.page.getByRole('button', { name: 'Create key' }).click();
    await app.page.getByLabel('Name', { exact: true }).fill(`Wall ${unique()}`);
    await app.page.getByRole('button', { name: 'Create', exact: true }).click();
    const link = await app.page.getByLabel('Sign-in link', { exact: true }).textContent();
    const page = await app.stranger();
    await page.goto(link);
    await page.getByRole('heading', { level: 1, name: 'Dashboards' }).waitFor();
    const entries = await page.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents();
    assert.deepEqual(entries, ['Dashboards']);
    await page.goto(`${app.base}/sql`);
    await page.getByText('Your key may not open this page').waitFor();
    await page.context().close();
    await app.page.getByRole('button', { name: 'Done' }).click();
  });
});

describe('the help page’s three steps', () => {
  const name = `CRM Leads ${unique()}`;
  let url;

  test('1: create the connection', async () => {
    await app.go('/connections');
    await app.page.getByRole('link', { name: 'Create connection' }).first().click();
    await app.page.getByLabel('Search kinds of connections').fill('Webhook Event');
    await app.page.getByRole('button', { name: /^Webhook Event/ }).click();
    await app.page.getByLabel('Name', { exact: true }).fill(name);
    await app.page.getByLabel('Event source').fill('Pipedrive');
    await app.page.getByLabel('Event object').fill('Lead');
    await app.page.getByRole('button', { name: 'Next' }).click();
    await app.page.getByRole('heading', { name: 'Awaiting data' }).waitFor();
  });

  test('2: copy the webhook URL', async () => {
    await app.page.getByRole('button', { name: 'Copy', exact: true }).click();
    url = await app.page.evaluate(() => navigator.clipboard.readText());
    assert.match(url, /\/collector\/webhook_event\/[\w-]{16,}$/);
    for (const language of ['curl', 'Go', 'Python', 'Node', 'PHP']) {
      await app.page.getByRole('tab', { name: language }).click();
      assert.ok((await app.page.getByLabel(`${language} code`, { exact: true }).textContent()).includes(url), `${language} lacks the URL`);
    }
  });

  test('3: the first event turns it to Connected by itself', async () => {
    assert.equal((await app.post(url, [payment(`first_${unique()}`)])).status, 201);
    await app.page.getByRole('heading', { name: 'Connected', exact: true }).waitFor();
    await app.page.getByText('The first event has arrived').waitFor();
    await app.go('/connections');
    await app.page.getByLabel('Search connections').fill(name);
    const rows = app.page.getByRole('list', { name: 'Connections' }).getByRole('link');
    await app.page.getByText('Payment events').waitFor({ state: 'hidden' });
    assert.equal(await rows.count(), 1);
    await rows.filter({ hasText: name }).getByText('Connected').waitFor();
  });

  test('a test event can be sent from the app', async () => {
    const connection = await app.newConnection(`Test event ${unique()}`);
    await app.go(`/connections/${connection.id}`);
    await app.page.getByRole('button', { name: 'Send a test event' }).click();
    await app.page.getByText('Connected', { exact: true }).first().waitFor();
  });
});

describe('settings', () => {
  test('the URL is changed, the old one works until its grace ends', async () => {
    const connection = await app.newConnection(`Rotated ${unique()}`);
    await app.go(`/connections/${connection.id}/settings`);
    await app.page.getByRole('button', { name: 'Make a new URL' }).click();
    await app.page.getByRole('dialog').getByRole('button', { name: 'Make a new URL' }).click();
    const url = await app.page.getByLabel('New webhook URL', { exact: true }).textContent();
    assert.notEqual(url, connection.webhook_url);
    for (const each of [url, connection.webhook_url]) assert.equal((await app.post(each, [payment(unique())])).status, 201);
    await app.page.getByRole('button', { name: 'Done' }).click();
    await app.page.getByText(connection.webhook_url).waitFor();
  });

  test('it is renamed, paused and deleted', async () => {
    const connection = await app.newConnection(`Short-lived ${unique()}`);
    const name = `Renamed ${unique()}`;
    await app.go(`/connections/${connection.id}/settings`);
    await app.page.getByLabel('Name', { exact: true }).fill(name);
    await app.page.getByRole('button', { name: 'Save' }).click();
    await app.page.getByRole('heading', { level: 1, name }).waitFor();
    await app.page.getByRole('switch', { name: 'Take events' }).click();
    await app.page.getByText('Paused', { exact: true }).waitFor();
    assert.equal((await app.post(connection.webhook_url, [payment(unique())])).status, 403);
    await app.page.getByRole('button', { name: 'Delete this connection' }).click();
    const remove = app.page.getByRole('button', { name: 'Delete', exact: true });
    assert.ok(await remove.isDisabled());
    await app.page.getByLabel(`Type ${name} to confirm`).fill(name);
    await remove.click();
    await app.page.getByRole('heading', { level: 1, name: 'Connections' }).waitFor();
    assert.equal((await app.post(connection.webhook_url, [payment(unique())])).status, 404);
  });
});

describe('live', () => {
  test('shows an event as it comes, and holds still while paused', async () => {
    const connection = await app.newConnection(`Live ${unique()}`);
    const [first, second] = [`live_${unique()}`, `live_${unique()}`];
    await app.go(`/connections/${connection.id}/live`);
    await app.page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    await app.post(connection.webhook_url, [payment(first)]);
    await app.page.getByRole('button', { name: new RegExp(first) }).click();
    await app.page.locator('.tree').getByText('"Premium Plan"').waitFor();
    await app.page.getByRole('button', { name: 'Pause' }).click();
    await app.post(connection.webhook_url, [payment(second)]);
    const resume = app.page.getByRole('button', { name: 'Resume (1 new)' });
    await resume.waitFor();
    assert.equal(await app.page.getByRole('button', { name: new RegExp(second) }).count(), 0);
    await resume.click();
    await app.page.getByRole('button', { name: new RegExp(second) }).waitFor();
    await app.page.getByLabel('Filter', { exact: true }).fill(second);
    await app.page.getByRole('button', { name: new RegExp(first) }).waitFor({ state: 'hidden' });
    assert.equal(await app.page.locator('.feed-row').count(), 1);
  });

  test('shows why a request was refused, next to the part, and replays it mended', async () => {
    const connection = await app.newConnection(`Refused ${unique()}`);
    const id = `bad_${unique()}`;
    assert.equal((await app.post(connection.webhook_url, [payment(id, { event_email: 'not an address' })])).status, 422);
    await app.go(`/connections/${connection.id}/live?show=refused`);
    await app.page.getByRole('button', { name: /Refused/ }).click();
    const wrong = app.page.locator('.tree li').filter({ hasText: 'event_email' }).last();
    await wrong.locator('.j-bad').waitFor();
    assert.match(await wrong.locator('.j-reason').textContent(), /e-mail|address/);
    await app.page.getByRole('button', { name: 'Mend and replay' }).click();
    const dialog = app.page.getByRole('dialog');
    await dialog.locator('.cm-lintRange-error').first().waitFor();
    await dialog.locator('.cm-content').click();
    await app.page.keyboard.press('Control+a');
    await app.page.keyboard.insertText(JSON.stringify([payment(id)]));
    await app.page.getByRole('button', { name: 'Send again' }).click();
    await dialog.getByText('Stored', { exact: true }).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await app.page.getByText('All', { exact: true }).click();
    await app.page.getByRole('button', { name: new RegExp(id) }).first().waitFor();
  });

  test('marks the place in a body that is not JSON', async () => {
    const connection = await app.newConnection(`Broken ${unique()}`);
    assert.equal((await app.post(connection.webhook_url, '[{"event_id": "1",}]')).status, 400);
    await app.go(`/connections/${connection.id}/live`);
    await app.page.getByRole('button', { name: /Refused/ }).click();
    await app.page.locator('mark').filter({ hasText: '}' }).waitFor();
  });
});

nothingWasWrong(app);
