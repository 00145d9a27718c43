// Made-up data with the shape of real ones: weekly rhythm, several sources, numbers
// that sometimes come as strings. The same on every run but for the date.
import { call, post } from './browser.mjs';

const day = 86_400_000;
/** Twice what dashboards show, so that there is a period before to compare with. */
const weeks = 10;

/** A small generator with a seed, so that every start shows the same picture. */
function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const names = ['ada', 'grace', 'linus', 'margaret', 'edsger', 'barbara', 'donald', 'frances', 'ken', 'radia', 'tim', 'hedy'];
const hosts = ['example.com', 'example.org', 'example.net'];
const products = ['Premium Plan', 'Starter Plan', 'Team Plan', 'Add-on: Exports', 'Consulting Hour'];
const countries = ['DE', 'FR', 'NL', 'AT', 'US', 'GB'];

const pick = (list, r) => list[Math.floor(r() ** 1.4 * list.length)];

function payload(kind, r) {
  if (kind === 'payment') {
    const revenue = Math.round((9 + r() * 180) * 100) / 100;
    return {
      revenue: r() < 0.12 ? revenue.toFixed(2) : revenue,
      currency: r() < 0.8 ? 'EUR' : 'USD',
      product_name: pick(products, r),
      status: r() < 0.86 ? 'paid' : r() < 0.5 ? 'refunded' : 'failed',
      customer: { country: pick(countries, r), returning: r() < 0.4 },
      ...(r() < 0.1 ? { coupon: r() < 0.7 ? 'WELCOME10' : 10 } : {}),
    };
  }
  if (kind === 'lead') {
    return {
      stage: pick(['new', 'qualified', 'proposal', 'won', 'lost'], r),
      value: Math.round(r() * 40) * 250,
      owner: pick(['Maya', 'Jonas', 'Priya'], r),
      tags: r() < 0.5 ? ['inbound', 'webinar'] : ['outbound'],
    };
  }
  return { seats: 1 + Math.floor(r() * 8), room: pick(['Atlas', 'Borneo', 'Cusco'], r), starts_at: '2026-02-01T10:00:00Z' };
}

function makeEvent(kind, at, r) {
  const id = Math.floor(r() * 2 ** 40).toString(36);
  return {
    event_id: `${kind}_${id}`,
    event_timestamp: new Date(at).toISOString(),
    event_email: `${pick(names, r)}${r() < 0.5 ? Math.floor(r() * 30) : ''}@${pick(hosts, r)}`,
    ...(r() < 0.3 ? { event_adb_cdt: `adb_cscid:${id}` } : {}),
    event_payload: payload(kind, r),
  };
}

/** The events of the last weeks, oldest first; the last day has as many as the hour allows. */
function makeEvents(kind, perDay, now, r, until = now) {
  const events = [];
  for (let back = weeks * 7 - 1; back >= 0; back--) {
    const start = Math.floor((now - back * day) / day) * day;
    const weekday = new Date(start).getUTCDay();
    const rhythm = weekday === 0 || weekday === 6 ? 0.45 : 1;
    const count = Math.round(perDay * rhythm * (0.8 + r() * 0.5) * (1.5 - back / (weeks * 14)));
    for (let n = 0; n < count; n++) {
      const hour = (r() + r() + r()) * 8;
      const at = Math.floor(start + hour * 3_600_000);
      if (at < until) events.push(makeEvent(kind, at, r));
    }
  }
  return events.sort((a, b) => a.event_timestamp.localeCompare(b.event_timestamp));
}

const definitions = ([payments, leads]) => [
  ['fields/revenue', { path: 'revenue', type: 'number', label: 'Revenue', description: 'Gross amount in the currency of the payment', connection_ids: [payments.id] }],
  ['fields/currency', { path: 'currency', type: 'string', label: 'Currency', connection_ids: [payments.id] }],
  ['fields/product_name', { path: 'product_name', type: 'string', label: 'Product', connection_ids: [payments.id] }],
  ['fields/country', { path: 'customer.country', type: 'string', label: 'Country', connection_ids: [payments.id] }],
  ['fields/status', { path: 'status', type: 'string', label: 'Status', connection_ids: [payments.id] }],
  ['fields/stage', { path: 'stage', type: 'string', label: 'Stage', connection_ids: [leads.id] }],
  ['conversions/paid_orders', { label: 'Paid orders', connection_ids: [payments.id], filters: [{ field: 'status', op: 'eq', values: ['paid'] }], value_field: 'revenue' }],
  ['conversions/won_leads', { label: 'Won leads', connection_ids: [leads.id], filters: [{ field: 'stage', op: 'in', values: ['won', 'proposal'] }] }],
  ['conversions/new_leads', { label: 'Leads', connection_ids: [leads.id], filters: [{ field: 'stage', op: 'is_set' }] }],
];

const timezone = 'Europe/Berlin';
const last30 = { from: '-30d', to: 'now', timezone };
const is = (field) => [{ field, op: 'is_set', values: [] }];

const reports = {
  'revenue-by-day': { title: 'Revenue by day', visualization: 'line', query: { metrics: ['sum(revenue)'], time: { ...last30, granularity: 'day' }, fill: true, compare: 'previous_period' } },
  'revenue-by-product': { title: 'Revenue by product', visualization: 'bar', query: { metrics: ['sum(revenue)'], dimensions: ['product_name'], time: last30, filters: is('product_name'), order: [{ by: 'sum(revenue)', dir: 'desc' }], limit: 10 } },
  'events-total': { title: 'Events', visualization: 'number', query: { metrics: ['count'], time: last30, compare: 'previous_period' } },
  'paying-people': { title: 'People who paid', visualization: 'number', query: { metrics: ['uniq(event_email)'], time: last30, filters: is('revenue') } },
  'lead-to-payment': { title: 'From lead to payment', visualization: 'funnel', kind: 'funnel', query: { steps: ['new_leads', 'won_leads', 'paid_orders'], window: '14d', time: last30 } },
  countries: { title: 'Countries', visualization: 'table', query: { metrics: ['count', 'sum(revenue)'], dimensions: ['country'], time: last30, filters: is('country'), order: [{ by: 'count', dir: 'desc' }], limit: 20 } },
};

const dashboard = {
  name: 'Weekly review', description: 'What the team looks at on Mondays',
  panels: [
    { report: 'events-total', width: 3, height: 's' }, { report: 'paying-people', width: 3, height: 's' },
    { report: 'lead-to-payment', width: 6, height: 's' }, { report: 'revenue-by-day', width: 12, height: 'm' },
    { report: 'revenue-by-product', width: 6, height: 'm' }, { report: 'countries', width: 6, height: 'm' },
  ],
};

/** What three senders got wrong; the connection keeps it with the reason. */
const refused = [
  JSON.stringify([{ event_id: 'order_77120', event_timestamp: 'yesterday', event_email: 'ada(at)example.com', event_payload: { revenue: 49, currency: 'EUR' } }], null, 2),
  JSON.stringify({ event_id: 'order_77121', event_timestamp: '2025-12-08T15:21:11Z', event_email: 'ada@example.com' }),
  '[{"event_id": "order_77122", "event_timestamp": "2025-12-08T15:21:11Z",\n  "event_email": "ada@example.com", "event_payload": {"revenue": 49.90,}}]',
];

/** Fills a fresh server through its own API; resolves once everything can be asked for. */
export async function seed(server) {
  const r = random(7);
  const now = Date.now();
  const connections = [];
  // The first one is there from the start.
  const [first] = (await call(server, 'GET', '/api/v1/connections')).data;
  connections.push(await call(server, 'PATCH', `/api/v1/connections/${first.id}`, { name: 'Payment events', event_source: 'Stripe', event_object: 'Payment' }));
  for (const [name, event_source, event_object] of [['CRM leads', 'Pipedrive', 'Lead'], ['Room bookings', 'Booking desk', 'Booking']]) {
    connections.push(await call(server, 'POST', '/api/v1/connections', { name, event_source, event_object }));
  }
  let total = 0;
  for (const [i, kind, perDay, until] of [[0, 'payment', 60, now], [1, 'lead', 22, now], [2, 'booking', 5, now - 3 * day]]) {
    const events = makeEvents(kind, perDay, now, r, until);
    total += events.length;
    for (let from = 0; from < events.length; from += 500) {
      const answer = await post(server, connections[i].webhook_url, events.slice(from, from + 500));
      if (answer.status !== 201) throw new Error(`seed: ${answer.status} ${await answer.text()}`);
    }
  }
  for (const body of refused) await post(server, connections[0].webhook_url, body);
  await call(server, 'PATCH', `/api/v1/connections/${connections[2].id}`, { paused: true });
  for (const [path, body] of definitions(connections)) await call(server, 'PUT', `/api/v1/${path}`, body);
  for (const [slug, body] of Object.entries(reports)) await call(server, 'PUT', `/api/v1/reports/${slug}`, body);
  await call(server, 'PUT', '/api/v1/dashboards/weekly-review', dashboard);
  const count = { metrics: ['count'] };
  for (let tries = 0; (await call(server, 'POST', '/api/v1/reports/query', count)).rows[0][0] !== total; tries++) {
    if (tries > 200) throw new Error('seed: the events did not arrive');
    await new Promise((go) => { setTimeout(go, 50); });
  }
}
