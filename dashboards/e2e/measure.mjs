// What the app costs: bytes and time of a first visit, frames while a table of 10,000
// rows is scrolled and a chart of 5,000 points is pointed at.
//   npm run measure
import { launch, signIn, target as named } from './browser.mjs';

const target = named();
const browser = await launch();
const kB = (bytes) => `${(bytes / 1024).toFixed(0)} kB`;

/** Opens a page with an empty cache and returns what came over the wire, and when it could be used. */
async function firstVisit() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send('Network.enable');
  let bytes = 0;
  let files = 0;
  client.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    files += 1;
  });
  const begun = Date.now();
  await page.goto(`${target.base}/connections#key=${target.key}`);
  await page.getByRole('link', { name: 'Create connection' }).waitFor();
  await page.getByRole('list', { name: 'Connections' }).waitFor();
  const shown = Date.now() - begun;
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0);
  await page.waitForLoadState('networkidle');
  await context.close();
  return { bytes, files, shown, paint };
}

/** Counts frames while something is done on the page for two seconds. */
async function frames(page, act) {
  await page.evaluate(() => {
    window.frameTimes = [];
    const note = (at) => {
      window.frameTimes.push(at);
      window.frameLoop = requestAnimationFrame(note);
    };
    window.frameLoop = requestAnimationFrame(note);
  });
  const end = Date.now() + 2000;
  for (let i = 0; Date.now() < end; i++) await act(i);
  const gaps = await page.evaluate(() => {
    cancelAnimationFrame(window.frameLoop);
    return window.frameTimes.slice(1).map((at, i) => at - window.frameTimes[i]).sort((a, b) => a - b);
  });
  const at = (share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))];
  return `${(gaps.length / 2).toFixed(0)} frames a second, p95 ${at(0.95).toFixed(0)} ms, longest ${at(1).toFixed(0)} ms`;
}

const visits = [];
for (let i = 0; i < 5; i++) visits.push(await firstVisit());
const median = (name) => visits.map((v) => v[name]).sort((a, b) => a - b)[2];
console.log(`first visit: ${kB(median('bytes'))} in ${median('files')} requests, first paint ${median('paint').toFixed(0)} ms, list of connections usable ${median('shown')} ms (median of 5)`);

const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
await signIn(page, target);
const ask = async (query) => {
  await page.goto(`${target.base}/sql?q=${encodeURIComponent(query)}`);
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByRole('table', { name: 'Result' }).getByRole('cell').first().waitFor();
};
await ask('SELECT number, cityHash64(number) AS hash, toString(hash) AS text FROM numbers(10000)');
await page.getByRole('table', { name: 'Result' }).hover();
console.log(`table of 10,000 rows, scrolled: ${await frames(page, () => page.mouse.wheel(0, 400))}`);
await ask("SELECT toDateTime('2025-01-01 00:00:00') + number * 3600 AS time, 500 + 400 * sin(number / 50) + number % 97 AS value FROM numbers(5000)");
const begun = Date.now();
await page.getByText('Chart', { exact: true }).click();
const canvas = page.locator('canvas').first();
await canvas.waitFor();
await page.evaluate(() => new Promise((go) => { requestAnimationFrame(() => requestAnimationFrame(go)); }));
const drawn = Date.now() - begun;
const box = await canvas.boundingBox();
const moving = await frames(page, (i) => page.mouse.move(box.x + 60 + ((i * 17) % (box.width - 80)), box.y + 120));
console.log(`chart of 5,000 points: drawn after ${drawn} ms, pointed at: ${moving}`);
await browser.close();
