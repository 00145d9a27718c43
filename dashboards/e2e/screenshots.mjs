// Pictures of every page, in both themes and at phone width, into screenshots/
// or the folder that SCREENSHOTS names. ONLY=part keeps the names with that part.
import { mkdir } from 'node:fs/promises';
import { launch, signIn, target as named } from './browser.mjs';

const folder = process.env.SCREENSHOTS ?? new URL('../screenshots/', import.meta.url).pathname;
await mkdir(folder, { recursive: true });
const target = named();
const browser = await launch();
const problems = [];

const looks = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1360, height: 860 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1360, height: 860 } },
  { name: 'phone', colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
];

async function firstConnection(page) {
  const answer = await page.request.get(`${target.base}/api/v1/connections`, { headers: { Authorization: `Bearer ${target.key}` } });
  const { data } = await answer.json();
  return data.find((c) => c.name === 'Payment events') ?? data[0];
}

const pages = (c, waiting) => [
  ['connections', '/connections'],
  ['create-kind', '/connections/new'],
  ['create-name', '/connections/new?kind=webhook'],
  ['create-waiting', `/connections/new?id=${waiting}`],
  ['connection', `/connections/${c.id}`],
  ['live', `/connections/${c.id}/live`, async (page) => { await page.locator('.feed-row').nth(1).click(); }],
  ['live-refused', `/connections/${c.id}/live?show=refused`, async (page) => { await page.locator('.feed-row').first().click(); await page.getByRole('button', { name: 'Mend and replay' }).waitFor(); }],
  ['replay', `/connections/${c.id}/live?show=refused`, async (page) => { await page.locator('.feed-row').first().click(); await page.getByRole('button', { name: 'Mend and replay' }).click(); await page.locator('.cm-content').waitFor(); }],
  ['fields', `/connections/${c.id}/fields`],
  ['field-form', `/connections/${c.id}/fields`, async (page) => { await page.getByRole('button', { name: /^Define / }).first().click(); await page.getByText('recent values fit').waitFor(); }],
  ['settings', `/connections/${c.id}/settings`],
  ['explore', '/explore?m=sum(revenue)&d=product_name&cmp=none'],
  ['explore-compare', '/explore?m=count&cmp=previous_period&f=%5B%22currency%22%2C%22eq%22%2C%22EUR%22%5D'],
  ['explore-bar', '/explore?m=count&m=sum(revenue)&d=product_name&v=bar&f=%5B%22product_name%22%2C%22is_set%22%5D'],
  ['explore-table', '/explore?m=count&m=sum(revenue)&d=country&d=currency&v=table&f=%5B%22country%22%2C%22is_set%22%5D'],
  ['explore-number', '/explore?m=sum(revenue)&v=number&cmp=previous_period'],
  ['explore-funnel', '/explore?v=funnel&s=won_leads&s=paid_orders&w=30d'],
  ['explore-time', '/explore', async (page) => { await page.getByRole('button', { name: /^Time range/ }).click(); }],
  ['definitions', '/definitions'],
  ['conversions', '/definitions?tab=conversions'],
  ['conversion-form', '/definitions?tab=conversions', async (page) => { await page.getByRole('button', { name: 'Define a conversion' }).click(); await page.getByText('events of the last 30 days count').waitFor(); }],
  ['dashboards', '/dashboards'],
  ['dashboard', '/dashboards/weekly-review'],
  ['dashboard-edit', '/dashboards/weekly-review?edit=1'],
  ['dashboard-ready', `/dashboards/connection/${c.id}`],
  ['dashboard-share', '/dashboards/weekly-review', async (page) => { await page.getByRole('button', { name: 'More' }).click(); await page.getByRole('menuitem', { name: 'Share' }).click(); await page.getByRole('button', { name: 'Create link' }).click(); await page.getByText('Copy it now').waitFor(); }],
  ['sql', '/sql', async (page) => { await page.getByRole('button', { name: 'Run' }).click(); await page.getByRole('table', { name: 'Result' }).waitFor(); }],
  ['sql-error', '/sql?q=select%20boom', async (page) => { await page.getByRole('button', { name: 'Run' }).click(); await page.getByRole('alert').waitFor(); }],
  ['people', '/people?email=ada@example.com'],
  ['operate', '/operate'],
  ['keys', '/access'],
  ['missing', '/nowhere'],
];

const only = process.env.ONLY ?? '';
for (const look of looks) {
  const context = await browser.newContext({ ...look, locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !message.text().includes('status of 422')) problems.push(`${look.name} ${page.url()}: ${message.text()}`); });
  page.on('pageerror', (error) => problems.push(`${look.name} ${page.url()}: ${error.message}`));
  page.on('request', (request) => { if (!request.url().startsWith(target.base) && !/^(data|blob):/.test(request.url())) problems.push(`foreign host: ${request.url()}`); });
  const shoot = async (name) => {
    await page.waitForFunction(() => document.querySelector('.mantine-Skeleton-root, [aria-busy="true"]') === null, null, { timeout: 4000 }).catch(() => undefined);
    await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => undefined))));
    await page.screenshot({ path: `${folder}/${name}-${look.name}.png`, fullPage: false });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 1) problems.push(`${look.name} ${name}: ${wide} px wider than the window`);
  };
  if ('sign-in'.includes(only)) {
    await page.goto(`${target.base}/`);
    await page.getByLabel('API key').waitFor();
    await shoot('sign-in');
  }
  await signIn(page, target);
  const connection = await firstConnection(page);
  const created = await page.request.post(`${target.base}/api/v1/connections`, { headers: { Authorization: `Bearer ${target.key}` }, data: { name: 'Support tickets', event_source: 'Helpdesk', event_object: 'Ticket' } });
  const { id: waiting } = await created.json();
  for (const [name, path, act] of pages(connection, waiting)) {
    if (!name.includes(only)) continue;
    try {
      await page.goto(target.base + path);
      await page.locator('h1').first().waitFor({ timeout: 8000 });
      await page.waitForTimeout(350); // lets charts be drawn
      await act?.(page);
      await page.waitForTimeout(150);
      await shoot(name);
    } catch (error) {
      problems.push(`${look.name} ${name}: ${error.message.split('\n').slice(0, 4).join(' | ')}`);
      await page.screenshot({ path: `${folder}/${name}-${look.name}-failed.png` });
    }
  }
  await page.request.delete(`${target.base}/api/v1/connections/${waiting}`, { headers: { Authorization: `Bearer ${target.key}` } });
  await context.close();
}
await browser.close();
console.log(problems.length === 0 ? 'no problems' : [...new Set(problems)].join('\n'));
process.exitCode = problems.length === 0 ? 0 : 1;
