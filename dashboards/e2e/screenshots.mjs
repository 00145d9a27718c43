// Pictures of every page, in both themes and at phone width, into screenshots/, and
// those of the README into ../docs/screenshots/. It fails where a page logs an error,
// is wider than the window, or does not show what it should.
//   ONLY=part       only pages with that part in their name
import { mkdir } from 'node:fs/promises';
import { call, launch, signIn, target as named } from './browser.mjs';

const target = named();
const only = process.env.ONLY ?? '';
const wide = { width: 1360, height: 860 };
const looks = [
  { name: 'light', colorScheme: 'light', viewport: wide },
  { name: 'dark', colorScheme: 'dark', viewport: wide },
  { name: 'phone', colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
];
const inReadme = { viewport: { width: 1200, height: 760 }, pictures: { 'create-waiting': 'light', 'live-refused': 'dark', 'explore-bar': 'light', dashboard: 'dark' } };

const click = (name) => async (page) => { await page.getByRole('button', { name }).first().click(); };

/** Name, path, and what is done before the picture is taken. */
const pages = (c, waiting) => [
  ['sign-in', null],
  ['connections', '/connections'],
  ['create-kind', '/connections/new'],
  ['create-name', '/connections/new?kind=webhook'],
  ['create-waiting', `/connections/new?id=${waiting}`],
  ['connection', `/connections/${c}`],
  ['live', `/connections/${c}/live`, async (page) => { await page.locator('.feed-row').nth(5).click(); }],
  ['live-refused', `/connections/${c}/live?show=refused`, async (page) => { await page.locator('.feed-row').last().click(); await page.getByRole('button', { name: 'Mend and replay' }).waitFor(); }],
  ['replay', `/connections/${c}/live?show=refused`, async (page) => { await page.locator('.feed-row').last().click(); await page.getByRole('button', { name: 'Mend and replay' }).click(); await page.locator('.cm-content').waitFor(); }],
  ['fields', `/connections/${c}/fields`, async (page) => { await page.getByText('customer.country').waitFor(); }],
  ['field-form', `/connections/${c}/fields`, async (page) => { await page.getByRole('button', { name: 'Define coupon' }).click(); await page.getByText('recent values fit').waitFor(); }],
  ['import', `/connections/${c}/import`],
  ['import-mapping', `/connections/${c}/import`, async (page) => {
    const text = 'order;datum;kunde_email;betrag;produkt\n1001;03.04.2025 10:15;ada@example.com;99,90;Premium Plan\n1002;13.04.2025 11:00;nobody;12,50;Basic Plan\n';
    await page.getByLabel('File to import').setInputFiles({ name: 'orders.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
    await page.getByRole('combobox', { name: 'Where produkt goes' }).waitFor();
  }],
  ['settings', `/connections/${c}/settings`],
  ['explore', '/explore?m=sum(revenue)&d=product_name&f=%5B%22product_name%22%2C%22is_set%22%5D'],
  ['explore-compare', '/explore?m=count&cmp=previous_period&f=%5B%22currency%22%2C%22eq%22%2C%22EUR%22%5D'],
  ['explore-bar', '/explore?m=sum(revenue)&d=country&v=bar&f=%5B%22country%22%2C%22is_set%22%5D'],
  ['explore-table', '/explore?m=count&m=sum(revenue)&d=country&d=currency&v=table&f=%5B%22country%22%2C%22is_set%22%5D'],
  ['explore-number', '/explore?m=sum(revenue)&v=number&cmp=previous_period'],
  ['explore-funnel', '/explore?v=funnel&s=new_leads&s=won_leads&s=paid_orders&w=30d'],
  ['explore-time', '/explore', click(/^Time range/)],
  ['explore-export', '/explore', click('Export')],
  ['explore-save', '/explore', click('Save report')],
  ['drill', '/explore?m=count&d=connection&v=bar&g=none&f=%5B%22connection%22%2C%22eq%22%2C%22CRM%20leads%22%5D', async (page) => {
    const canvas = page.locator('canvas').first();
    const { width, height } = await canvas.boundingBox();
    await canvas.click({ position: { x: width / 2, y: height * 0.6 } });
    await page.getByRole('dialog').getByRole('button', { name: /@example/ }).first().click();
  }],
  ['definitions', '/definitions'],
  ['conversions', '/definitions?tab=conversions'],
  ['conversion-form', '/definitions?tab=conversions', async (page) => { await page.getByRole('button', { name: 'Define a conversion' }).click(); await page.getByText('events of the last 30 days count').waitFor(); }],
  ['dashboards', '/dashboards'],
  ['dashboard', '/dashboards/weekly-review'],
  ['dashboard-edit', '/dashboards/weekly-review?edit=1'],
  ['dashboard-ready', `/dashboards/connection/${c}`],
  ['dashboard-share', '/dashboards/weekly-review', async (page) => { await page.getByRole('button', { name: 'More' }).click(); await page.getByRole('menuitem', { name: 'Share' }).click(); await page.getByRole('button', { name: 'Create link' }).click(); await page.getByText('Copy it now').waitFor(); }],
  ['sql', '/sql', async (page) => { await page.getByRole('button', { name: 'Run' }).click(); await page.getByRole('table', { name: 'Result' }).waitFor(); }],
  ['sql-error', '/sql?q=select%20boom', async (page) => { await page.getByRole('button', { name: 'Run' }).click(); await page.getByRole('alert').waitFor(); }],
  ['people', '/people?email=ada%40example.com', async (page) => { await page.getByRole('button', { name: 'Erase this person' }).waitFor(); }],
  ['operate', '/operate'],
  ['keys', '/access'],
  ['missing', '/connections/none'],
];

const folder = new URL('../screenshots/', import.meta.url).pathname;
const docs = new URL('../../docs/screenshots/', import.meta.url).pathname;
await mkdir(folder, { recursive: true });
await mkdir(docs, { recursive: true });
const { data } = await call(target, 'GET', '/api/v1/connections');
const { id: first } = data.find((c) => c.name === 'Payment events');
const { id: waiting } = await call(target, 'POST', '/api/v1/connections', { name: 'Support tickets', event_source: 'Helpdesk', event_object: 'Ticket' });
const browser = await launch();
const problems = [];

async function open(look) {
  const context = await browser.newContext({ ...look, locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const wrong = (text) => problems.push(`${look.name} ${page.url()}: ${text}`);
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !/status of 4\d\d/.test(message.text())) wrong(message.text()); });
  page.on('pageerror', (error) => wrong(error.message));
  page.on('request', (request) => { if (!request.url().startsWith(target.base) && !/^(data|blob):/.test(request.url())) wrong(`foreign host: ${request.url()}`); });
  return page;
}

/** Shows a page at rest. */
async function show(page, [, path, act]) {
  await page.goto(target.base + path);
  await page.locator('h1').first().waitFor({ timeout: 8000 });
  await page.waitForTimeout(350); // lets charts be drawn
  await act?.(page);
  await page.waitForTimeout(150);
  await page.waitForFunction(() => document.querySelector('.mantine-Skeleton-root, [aria-busy="true"]') === null, null, { timeout: 4000 });
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => undefined))));
}

for (const look of looks) {
  const page = await open(look);
  if ('sign-in'.includes(only)) {
    await page.goto(`${target.base}/`);
    await page.getByLabel('API key', { exact: true }).waitFor();
    await page.screenshot({ path: `${folder}/sign-in-${look.name}.png` });
  }
  await signIn(page, target);
  for (const entry of pages(first, waiting)) {
    const [name, path] = entry;
    if (path === null || !name.includes(only)) continue;
    try {
      await show(page, entry);
      await page.screenshot({ path: `${folder}/${name}-${look.name}.png` });
      const extra = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (extra > 1) problems.push(`${look.name} ${name}: ${extra} px wider than the window`);
    } catch (error) {
      problems.push(`${look.name} ${name}: ${error.message.split('\n').slice(0, 4).join(' | ')}`);
    }
  }
  await page.context().close();
}

if (only === '') {
  for (const [name, colorScheme] of Object.entries(inReadme.pictures)) {
    const page = await open({ name: 'readme', colorScheme, viewport: inReadme.viewport });
    await signIn(page, target);
    await show(page, pages(first, waiting).find((entry) => entry[0] === name));
    await page.screenshot({ path: `${docs}/${name}.png` });
    await page.context().close();
  }
}
await browser.close();
console.log(problems.length === 0 ? 'no problems' : [...new Set(problems)].join('\n'));
process.exitCode = problems.length === 0 ? 0 : 1;
