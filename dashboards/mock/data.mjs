// Made-up events with the shape of real ones: weekly rhythm, several sources,
// numbers that sometimes come as strings.
import { randomUUID } from 'node:crypto';

const day = 86_400_000;

/** A small generator with a seed, so that every start shows the same picture. */
export function random(seed) {
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

export function makeEvent(connection, kind, at, r) {
  return {
    event_id: `${kind}_${Math.floor(r() * 1e9).toString(36)}`,
    event_timestamp: new Date(at).toISOString(),
    event_email: `${pick(names, r)}${r() < 0.5 ? Math.floor(r() * 30) : ''}@${pick(hosts, r)}`,
    event_adb_cdt: r() < 0.3 ? `adb_cscid:${randomUUID()}` : null,
    event_payload: payload(kind, r),
    received_at: new Date(at + 400).toISOString(),
    connection_id: connection.id,
    connection: connection.name,
    event_source: connection.event_source,
    event_object: connection.event_object,
  };
}

export function seed(now) {
  const r = random(7);
  const make = (n, name, source, object, extra) => ({
    id: `0f8b6c1${n}-52c1-4d0e-9a51-1d2f3c4b5a6${n}`,
    name, event_source: source, event_object: object, allow_anonymous: false, paused: false,
    token: `mock${n}XHf0Vt2bqk9Jm4sLw7Zp`, created_at: new Date(now - 40 * day).toISOString(),
    events_received: 0, last_event_at: null, ...extra,
  });
  const connections = [
    make(1, 'Payment events', 'Stripe', 'Payment'),
    make(2, 'CRM leads', 'Pipedrive', 'Lead'),
    make(3, 'Room bookings', 'Booking desk', 'Booking', { paused: true }),
  ];
  const kinds = ['payment', 'lead', 'booking'];
  const volume = [60, 22, 5];
  const events = [];
  for (let back = 34; back >= 0; back--) {
    const start = now - back * day;
    const weekday = new Date(start).getUTCDay();
    const rhythm = weekday === 0 || weekday === 6 ? 0.45 : 1;
    connections.forEach((connection, i) => {
      if (connection.paused && back < 3) return;
      const count = Math.round(volume[i] * rhythm * (0.8 + r() * 0.5) * (1 + (34 - back) / 60));
      for (let n = 0; n < count; n++) {
        const hour = 6 + (r() + r() + r()) * 5.2;
        const at = Math.floor(start / day) * day + hour * 3_600_000;
        if (at < now) events.push(makeEvent(connection, kinds[i], at, r));
      }
    });
  }
  events.sort((a, b) => b.event_timestamp.localeCompare(a.event_timestamp));
  for (const connection of connections) {
    const own = events.filter((e) => e.connection_id === connection.id);
    connection.events_received = own.length;
    connection.last_event_at = own[0]?.received_at ?? null;
  }
  const fields = [
    { name: 'revenue', path: 'revenue', type: 'number', label: 'Revenue', description: 'Gross amount in the currency of the payment', connection_ids: [connections[0].id] },
    { name: 'currency', path: 'currency', type: 'string', label: 'Currency', connection_ids: [connections[0].id] },
    { name: 'product_name', path: 'product_name', type: 'string', label: 'Product', connection_ids: [connections[0].id] },
    { name: 'country', path: 'customer.country', type: 'string', label: 'Country', connection_ids: [connections[0].id] },
    { name: 'stage', path: 'stage', type: 'string', label: 'Stage', connection_ids: [connections[1].id] },
  ];
  const conversions = [
    { name: 'paid_orders', label: 'Paid orders', connection_ids: [connections[0].id], filters: [{ field: 'revenue', op: 'gt', values: [0] }], value_field: 'revenue' },
    { name: 'won_leads', label: 'Won leads', connection_ids: [connections[1].id], filters: [{ field: 'stage', op: 'eq', values: ['won'] }] },
  ];
  const report = (slug, title, visualization, query, funnel = null) => ({ slug, title, kind: funnel === null ? 'report' : 'funnel', visualization, query: funnel ?? query, version: 1 });
  const last30 = { from: '-30d', to: 'now', timezone: 'Europe/Berlin' };
  const reports = [
    report('revenue-by-day', 'Revenue by day', 'line', { metrics: ['sum(revenue)'], dimensions: [], time: { ...last30, granularity: 'day' }, filters: [], fill: true, compare: 'previous_period' }),
    report('revenue-by-product', 'Revenue by product', 'bar', { metrics: ['sum(revenue)'], dimensions: ['product_name'], time: last30, filters: [{ field: 'product_name', op: 'is_set', values: [] }], order: [{ by: 'sum(revenue)', dir: 'desc' }], limit: 10 }),
    report('events-total', 'Events', 'number', { metrics: ['count'], dimensions: [], time: last30, filters: [], compare: 'previous_period' }),
    report('paying-people', 'People who paid', 'number', { metrics: ['uniq(event_email)'], dimensions: [], time: last30, filters: [{ field: 'revenue', op: 'is_set', values: [] }] }),
    report('lead-to-payment', 'From lead to payment', 'funnel', null, { steps: ['won_leads', 'paid_orders'], window: '14d', time: last30 }),
    report('countries', 'Countries', 'table', { metrics: ['count', 'sum(revenue)'], dimensions: ['country'], time: last30, filters: [{ field: 'country', op: 'is_set', values: [] }], order: [{ by: 'count', dir: 'desc' }], limit: 20 }),
  ];
  const dashboards = [
    {
      slug: 'weekly-review', name: 'Weekly review', description: 'What the team looks at on Mondays', updated_at: new Date(now - day).toISOString(),
      panels: [
        { report: 'events-total', width: 3, height: 's' }, { report: 'paying-people', width: 3, height: 's' },
        { report: 'lead-to-payment', width: 6, height: 's' }, { report: 'revenue-by-day', width: 12, height: 'm' },
        { report: 'revenue-by-product', width: 6, height: 'm' }, { report: 'countries', width: 6, height: 'm' },
      ],
    },
  ];
  const refused = [{
    id: randomUUID(), received_at: new Date(now - 1000 * 60 * 42).toISOString(), status: 422, outcome: 'refused', bytes: 312, connection_id: connections[0].id,
    reason: {
      type: '/problems/invalid-events', title: 'An event breaks a rule.', status: 422, detail: 'Event 0: event_email: must be a valid e-mail address. Nothing of the request was stored.',
      errors: [
        { index: 0, field: 'event_email', pointer: '/0/event_email', code: 'email', message: 'must be a valid e-mail address' },
        { index: 0, field: 'event_timestamp', pointer: '/0/event_timestamp', code: 'timestamp', message: 'must be an ISO 8601 date-time, e.g. 2025-12-08T15:21:11.804Z' },
      ],
    },
    body: JSON.stringify([{ event_id: 'order_77120', event_timestamp: 'yesterday', event_email: 'ada(at)example.com', event_payload: { revenue: 49, currency: 'EUR' } }], null, 2),
    body_encoding: 'text', complete: true,
  }];
  return { connections, events, fields, conversions, reports, dashboards, refused };
}
