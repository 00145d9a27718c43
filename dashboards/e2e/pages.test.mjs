// What holds for every page: accessibility, themes, phones, the keyboard, the policy.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import { nothingWasWrong, openApp, patience } from './app.mjs';

const app = openApp();
let paths;

before(async () => {
  const { data } = await app.call('GET', '/api/v1/connections');
  const { id } = data.find((c) => c.name === 'Payment events');
  paths = ['/connections', '/connections/new', '/connections/new?kind=webhook', `/connections/${id}`, `/connections/${id}/live`, `/connections/${id}/fields`, `/connections/${id}/import`, `/connections/${id}/settings`,
    '/explore', '/explore?v=table&d=event_source', '/explore?v=funnel&s=won_leads&s=paid_orders', '/definitions', '/definitions?tab=conversions', '/dashboards', '/dashboards/weekly-review',
    `/dashboards/connection/${id}`, '/sql', '/people', '/operate', '/access', '/dashboards/none'];
});

/** Opens a page and waits until it shows what it has. */
async function settled(path) {
  await app.go(path);
  await app.page.waitForFunction(() => document.querySelector('.mantine-Skeleton-root') === null, null, { timeout: patience });
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds on a page that is serious. */
async function serious(page) {
  // The policy lets no script tag in; the protocol behind evaluate is not bound by it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${new URL(page.url()).pathname}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`);
}

describe('every page', () => {
  for (const colorScheme of ['light', 'dark']) {
    test(`has nothing serious for axe, ${colorScheme}`, async () => {
      await app.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const found = [];
      for (const path of paths) {
        await settled(path);
        found.push(...await serious(app.page));
      }
      for (const [path, name] of [['/access', 'Create key'], ['/explore', 'Save report'], ['/definitions?tab=conversions', 'Define a conversion'], ['/sql', 'History']]) {
        await settled(path);
        await app.page.getByRole('button', { name }).first().click();
        await app.page.getByRole('dialog').waitFor();
        found.push(...await serious(app.page));
      }
      assert.deepEqual(found, []);
    });

    test(`has nothing serious for those who are not signed in, ${colorScheme}`, async () => {
      const { key } = await app.call('POST', '/api/v1/dashboards/weekly-review/shares', { name: 'axe' });
      const page = await app.stranger();
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.goto(app.base);
      await page.getByLabel('API key', { exact: true }).waitFor();
      const found = await serious(page);
      await page.goto(`${app.base}/shared/weekly-review#key=${key}`);
      await page.getByRole('cell', { name: 'DE', exact: true }).waitFor();
      found.push(...await serious(page));
      await page.context().close();
      assert.deepEqual(found, []);
    });
  }

  test('fits a phone', async () => {
    await app.page.setViewportSize({ width: 360, height: 740 });
    for (const path of paths) {
      await settled(path);
      const extra = await app.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(extra <= 1, `${path} is ${extra} px too wide`);
    }
    await app.page.setViewportSize({ width: 1280, height: 860 });
  });
});

describe('for everybody', () => {
  test('the theme is switched and stays', async () => {
    await app.page.emulateMedia({ colorScheme: 'light' });
    await app.go('/connections');
    const theme = () => app.page.locator('html').getAttribute('data-mantine-color-scheme');
    assert.equal(await theme(), 'light');
    await app.page.getByRole('button', { name: /^Theme/ }).click();
    await app.page.getByRole('button', { name: /^Theme: light/ }).click();
    assert.equal(await theme(), 'dark');
    await app.page.reload();
    assert.equal(await theme(), 'dark');
    await app.page.getByRole('button', { name: /^Theme: dark/ }).click();
  });

  test('the keyboard reaches the content and every entry', async () => {
    await app.go('/connections');
    await app.page.keyboard.press('Tab');
    const focused = () => app.page.evaluate(() => document.activeElement?.textContent);
    assert.equal(await focused(), 'Skip to content');
    await app.page.keyboard.press('Tab');
    assert.equal(await focused(), 'Connections');
    await app.page.keyboard.press('Tab');
    await app.page.keyboard.press('Enter');
    await app.page.getByRole('heading', { level: 1, name: 'Explore' }).waitFor();
  });

  test('a dialog takes the focus and gives it back', async () => {
    await app.go('/access');
    const open = app.page.getByRole('button', { name: 'Create key' });
    await open.focus();
    await app.page.keyboard.press('Enter');
    await app.page.getByRole('dialog').waitFor();
    await app.page.waitForFunction(() => document.activeElement?.closest('[role="dialog"]') !== null);
    await app.page.keyboard.press('Escape');
    await app.page.getByRole('dialog').waitFor({ state: 'hidden' });
    await app.page.waitForFunction(() => document.activeElement?.textContent === 'Create key');
  });

  test('the policy is strict, and nothing else is answered with the app', async () => {
    const answer = await fetch(`${app.base}/connections`);
    const policy = answer.headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    const pages = [await answer.text(), await (await fetch(`${app.base}/connections`)).text()];
    assert.notEqual(pages[0], pages[1], 'the nonce is a fresh one each time');
    for (const path of ['/assets/nothing.js', '/api/v1/nothing', '/collector/nothing', '/nowhere']) {
      const missing = await fetch(app.base + path, { headers: { Authorization: `Bearer ${app.key}` } });
      assert.equal(missing.status, 404, path);
      assert.ok(!(await missing.text()).includes('<div id="root">'), path);
    }
  });

  test('operate shows what doctor finds', async () => {
    await settled('/operate');
    await app.page.getByText('What doctor finds').waitFor();
    for (const name of ['ClickHouse', 'Schema', 'Spool', 'Data folder', 'Disk space']) await app.page.getByText(name, { exact: true }).first().waitFor();
    await app.page.getByText('Everything works').waitFor();
  });
});

nothingWasWrong(app);
