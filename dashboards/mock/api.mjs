// A stand-in for the server while the app is developed: the same shapes, kept in
// memory, a few live events. Development only; nothing of it is shipped.
import { importRoutes } from './imports.mjs';
import { randomUUID } from 'node:crypto';
import { makeEvent, random, seed } from './data.mjs';
import { convert, runCompared, runFunnel, select } from './reports.mjs';

const keys = { 'mock-admin': { role: 'admin', name: 'admin' }, 'mock-analyst': { role: 'analyst', name: 'Ana Lyst' }, 'mock-viewer': { role: 'viewer', name: 'Vic Viewer' } };

class Problem extends Error {
  constructor(status, title, detail, errors) {
    super(detail ?? title);
    Object.assign(this, { status, title, errors });
  }
}

const isForm = (req) => req.headers['content-type']?.startsWith('multipart/') === true;

export function createMock({ live = true } = {}) {
  let origin = 'http://127.0.0.1:5173';
  const state = seed(Date.now());
  const shares = new Map();
  const apiKeys = [{ id: 'k1', name: 'Grafana', role: 'viewer', created_at: new Date(Date.now() - 9e8).toISOString(), last_used_at: new Date(Date.now() - 6e4).toISOString() }];
  const feeds = new Set();
  const requests = [];
  const started = new Date(Date.now() - 5.2e8).toISOString();
  const r = random(99);

  const view = (c) => ({
    id: c.id, name: c.name, event_source: c.event_source, event_object: c.event_object, allow_anonymous: c.allow_anonymous,
    status: c.paused ? 'paused' : c.events_received > 0 ? 'connected' : 'awaiting_data',
    webhook_url: `${origin}/collector/webhook_event/${c.token}`, created_at: c.created_at,
    events_received: c.events_received, last_event_at: c.last_event_at, previous_webhook_urls: c.previous_webhook_urls ?? [],
  });

  function publish(connectionId, event, data) {
    for (const feed of feeds) if (feed.id === connectionId) feed.res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  function accept(connection, events, bytes) {
    const at = new Date().toISOString();
    const record = { id: randomUUID(), received_at: at, status: 201, outcome: 'accepted', events: events.length, bytes, connection_id: connection.id };
    requests.unshift(record);
    publish(connection.id, 'request', record);
    for (const event of events) {
      const old = state.events.findIndex((e) => e.event_id === event.event_id && e.connection_id === connection.id);
      if (old !== -1) state.events.splice(old, 1);
      const stored = { event_adb_cdt: null, event_payload: {}, ...event, event_timestamp: new Date(event.event_timestamp).toISOString(), received_at: at, connection_id: connection.id, connection: connection.name, event_source: connection.event_source, event_object: connection.event_object };
      state.events.unshift(stored);
      publish(connection.id, 'event', stored);
    }
    connection.events_received += events.length;
    connection.last_event_at = at;
  }

  function check(events) {
    const errors = [];
    const add = (index, field, code, message) => errors.push({ index, field, pointer: `/${index}/${field}`, code, message });
    events.forEach((e, i) => {
      if (typeof e.event_id !== 'string' || e.event_id === '') add(i, 'event_id', 'required', 'is required: a unique identifier of this event in your system');
      if (typeof e.event_timestamp !== 'string' || Number.isNaN(Date.parse(e.event_timestamp))) add(i, 'event_timestamp', 'timestamp', 'must be an ISO 8601 date-time, e.g. 2025-12-08T15:21:11.804Z');
      if (typeof e.event_email !== 'string' || !/^[^@\s()]+@[^@\s]+\.[a-z]+$/i.test(e.event_email)) add(i, 'event_email', 'email', 'must be a valid e-mail address');
    });
    return errors;
  }

  function ingest(token, body) {
    const connection = state.connections.find((c) => c.token === token);
    if (connection === undefined) throw new Problem(404, 'No connection has this webhook URL.');
    if (connection.paused) throw new Problem(403, 'The connection is paused.', 'This connection is paused and takes no events until it is resumed. Nothing was stored.');
    const refuse = (status, title, detail, errors, extra = {}) => {
      const reason = { type: '/problems/x', title, status, detail, errors, ...extra };
      const record = { id: randomUUID(), received_at: new Date().toISOString(), status, outcome: 'refused', bytes: body.length, reason, body, body_encoding: 'text', complete: true, connection_id: connection.id };
      state.refused.unshift(record);
      publish(connection.id, 'request', record);
      throw Object.assign(new Problem(status, title, detail, errors), extra);
    };
    let events;
    try {
      events = JSON.parse(body);
    } catch (error) {
      const offset = Number(/position (\d+)/.exec(error.message)?.[1] ?? 0);
      const before = body.slice(0, offset);
      return refuse(400, 'The body cannot be read.', `Not JSON: ${error.message}.`, undefined, { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), offset });
    }
    if (!Array.isArray(events)) return refuse(400, 'The body cannot be read.', 'The body must be an array of events: wrap the object in [ ].', undefined, { line: 1, column: 1, offset: 0 });
    const errors = check(events);
    if (errors.length > 0) return refuse(422, 'An event breaks a rule.', `Event ${errors[0].index}: ${errors[0].field}: ${errors[0].message}. Nothing of the request was stored.`, errors);
    accept(connection, events, body.length);
    return { received: events.length };
  }

  function seen(id) {
    const paths = new Map();
    const visit = (value, path, event) => {
      if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
        for (const [key, child] of Object.entries(value)) visit(child, path === '' ? key : `${path}.${key}`, event);
        return;
      }
      const type = Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
      const known = paths.get(path) ?? { path, types: new Map(), first_seen: event.received_at, last_seen: event.received_at, sample: JSON.stringify(value), values: [] };
      known.types.set(type, (known.types.get(type) ?? 0) + 1);
      known.first_seen = event.received_at < known.first_seen ? event.received_at : known.first_seen;
      known.values.push(value);
      paths.set(path, known);
    };
    for (const event of state.events) if (event.connection_id === id) visit(event.event_payload, '', event);
    return [...paths.values()].map(({ types, values, ...rest }) => {
      const field = state.fields.find((f) => f.path === rest.path && (!f.connection_ids?.length || f.connection_ids.includes(id)));
      const misfits = field === undefined ? null : values.filter((v) => convert(v, field.type) === null).length / values.length;
      return { ...rest, types: Object.fromEntries(types), fields: field === undefined ? [] : [{ name: field.name, type: field.type, misfit_share: misfits }] };
    });
  }

  const get = (list, key, value, what) => {
    const found = list.find((x) => x[key] === value);
    if (found === undefined) throw new Problem(404, 'There is nothing here.', `No ${what} is called ${value}.`);
    return found;
  };
  const put = (list, key, value, body) => {
    const next = { ...body, [key]: value, updated_at: new Date().toISOString() };
    const i = list.findIndex((x) => x[key] === value);
    if (i === -1) list.push(next);
    else list[i] = next;
    return next;
  };
  const remove = (list, key, value) => {
    const i = list.findIndex((x) => x[key] === value);
    if (i !== -1) list.splice(i, 1);
  };

  const routes = [
    ['GET', '/me', ({ me }) => ({ ...me, version: 'mock' })],
    ['GET', '/status', () => status()],
    ['GET', '/connections', () => ({ data: state.connections.map(view), next_cursor: null })],
    ['POST', '/connections', ({ body, res }) => {
      const errors = ['name', 'event_source', 'event_object'].filter((f) => !body[f]?.trim()).map((field) => ({ field, pointer: `/${field}`, code: 'required', message: 'is required' }));
      if (errors.length > 0) throw new Problem(422, 'A field or parameter breaks a rule.', `${errors[0].field}: is required`, errors);
      const connection = { id: randomUUID(), paused: false, allow_anonymous: false, ...body, token: randomUUID().replaceAll('-', ''), created_at: new Date().toISOString(), events_received: 0, last_event_at: null };
      state.connections.unshift(connection);
      res.statusCode = 201;
      return view(connection);
    }],
    ['GET', '/connections/:id', ({ id }) => view(get(state.connections, 'id', id, 'connection'))],
    ['PATCH', '/connections/:id', ({ id, body }) => view(Object.assign(get(state.connections, 'id', id, 'connection'), body))],
    ['DELETE', '/connections/:id', ({ id }) => void remove(state.connections, 'id', id)],
    ['POST', '/connections/:id/rotate', ({ id, body }) => {
      const c = get(state.connections, 'id', id, 'connection');
      const hours = Number(/^(\d+)h$/.exec(body.grace)?.[1] ?? 0);
      if (hours > 0) c.previous_webhook_urls = [{ webhook_url: view(c).webhook_url, expires_at: new Date(Date.now() + hours * 3.6e6).toISOString() }, ...(c.previous_webhook_urls ?? [])];
      c.token = randomUUID().replaceAll('-', '');
      return view(c);
    }],
    ['GET', '/connections/:id/events', ({ id, url }) => ({ data: state.events.filter((e) => e.connection_id === id).sort((a, b) => b.received_at.localeCompare(a.received_at)).slice(0, Number(url.searchParams.get('limit') ?? 50)), next_cursor: null })],
    ['GET', '/connections/:id/requests', ({ id }) => ({ data: [...requests, ...state.refused].filter((x) => x.connection_id === id).sort((a, b) => b.received_at.localeCompare(a.received_at)).map((x) => ({ ...x, body: undefined })), next_cursor: null })],
    ['GET', '/connections/:id/requests/:other', ({ other }) => get([...requests, ...state.refused], 'id', other, 'request')],
    ['GET', '/connections/:id/fields', ({ id }) => ({ data: seen(id), next_cursor: null })],
    ['GET', '/connections/:id/stream', ({ id, res }) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      res.write(': hello\n\n');
      const feed = { id, res };
      feeds.add(feed);
      res.on('close', () => feeds.delete(feed));
      return res;
    }],
    ['GET', '/fields', () => ({ data: state.fields, next_cursor: null })],
    ['POST', '/fields/preview', ({ body }) => {
      const own = state.events.filter((e) => !body.connection_ids?.length || body.connection_ids.includes(e.connection_id)).slice(0, 1000);
      const values = own.map((e) => ({ value: body.path.split('.').reduce((v, k) => v?.[k], e.event_payload) })).filter((x) => x.value !== undefined && x.value !== null);
      const rated = values.map((x) => ({ ...x, result: convert(x.value, body.type) }));
      const fit = rated.filter((x) => x.result !== null);
      const texts = (list) => [...new Set(list.map((x) => JSON.stringify(x.value)))].slice(0, 10);
      return { events: own.length, present: values.length, fitting: fit.length, fitting_samples: texts(fit), misfit_samples: texts(rated.filter((x) => x.result === null)) };
    }],
    ['PUT', '/fields/:id', ({ id, body }) => put(state.fields, 'name', id, body)],
    ['DELETE', '/fields/:id', ({ id }) => void remove(state.fields, 'name', id)],
    ['GET', '/conversions', () => ({ data: state.conversions, next_cursor: null })],
    ['PUT', '/conversions/:id', ({ id, body }) => put(state.conversions, 'name', id, body)],
    ['DELETE', '/conversions/:id', ({ id }) => void remove(state.conversions, 'name', id)],
    ['POST', '/reports/query', ({ body, req, res }) => {
      const result = runCompared(state, body, Date.now());
      if (req.headers.accept !== 'text/csv') return result;
      res.setHeader('Content-Type', 'text/csv');
      res.end([result.columns.map((c) => c.name).join(','), ...result.rows.map((row) => row.map((x) => JSON.stringify(x)).join(','))].join('\n'));
      return res;
    }],
    ['POST', '/reports/events', ({ body }) => ({ data: select(state, body, Date.now()).events.slice(0, body.limit ?? 100), next_cursor: null })],
    ['POST', '/reports/sql', ({ body }) => ({ sql: `SELECT\n  toStartOfDay(event_timestamp) AS time,\n  ${body.metrics.join(',\n  ')}\nFROM events\nGROUP BY time\nORDER BY time` })],
    ['POST', '/reports/funnel', ({ body }) => runFunnel(state, body, Date.now())],
    ['GET', '/reports', () => ({ data: state.reports, next_cursor: null })],
    ['GET', '/reports/:id', ({ id }) => get(state.reports, 'slug', id, 'report')],
    ['PUT', '/reports/:id', ({ id, body }) => put(state.reports, 'slug', id, body)],
    ['DELETE', '/reports/:id', ({ id }) => void remove(state.reports, 'slug', id)],
    ['GET', '/reports/:id/data', ({ id, url }) => {
      const report = get(state.reports, 'slug', id, 'report');
      const range = Object.fromEntries([...url.searchParams].filter(([k]) => ['from', 'to', 'timezone'].includes(k)));
      if (report.kind === 'funnel') return runFunnel(state, { ...report.query, time: { ...report.query.time, ...range } }, Date.now());
      return runCompared(state, { ...report.query, time: { ...report.query.time, ...range } }, Date.now());
    }],
    ['GET', '/dashboards', () => ({ data: state.dashboards, next_cursor: null })],
    ['GET', '/dashboards/:id', ({ id }) => {
      const dashboard = get(state.dashboards, 'slug', id, 'dashboard');
      return { ...dashboard, reports: state.reports.filter((x) => dashboard.panels.some((p) => p.report === x.slug)) };
    }],
    ['PUT', '/dashboards/:id', ({ id, body }) => put(state.dashboards, 'slug', id, body)],
    ['DELETE', '/dashboards/:id', ({ id }) => void remove(state.dashboards, 'slug', id)],
    ['GET', '/dashboards/:id/shares', ({ id }) => ({ data: [...shares.values()].filter((s) => s.dashboard === id), next_cursor: null })],
    ['POST', '/dashboards/:id/shares', ({ id, body, res }) => {
      const share = { id: randomUUID(), dashboard: id, name: body.name ?? '', key: `mock-share-${randomUUID()}`, created_at: new Date().toISOString(), expires_at: null };
      shares.set(share.key, share);
      res.statusCode = 201;
      return share;
    }],
    ['DELETE', '/dashboards/:id/shares/:other', ({ other }) => { for (const [key, s] of shares) if (s.id === other) shares.delete(key); }],
    ['POST', '/sql', ({ body }) => sql(body.query)],
    ['GET', '/sql/schema', () => ({ views: schema() })],
    ['GET', '/people/:id/events', ({ id }) => ({ data: state.events.filter((e) => e.event_email?.toLowerCase() === id.toLowerCase()).slice(0, 100), next_cursor: null })],
    ['DELETE', '/people/:id', ({ id }) => {
      const before = state.events.length;
      state.events = state.events.filter((e) => e.event_email?.toLowerCase() !== id.toLowerCase());
      return { id: randomUUID(), erased_at: new Date().toISOString(), events_erased: before - state.events.length, refused_requests_erased: 0, spool_records_erased: 0, remaining: 0, email_hash: 'hmac-sha256:4f1c9b7ae2d0' };
    }],
    ['GET', '/keys', () => ({ data: apiKeys, next_cursor: null })],
    ['POST', '/keys', ({ body, res }) => {
      const key = { id: randomUUID(), ...body, created_at: new Date().toISOString(), last_used_at: null };
      apiKeys.push(key);
      res.statusCode = 201;
      return { ...key, key: `trib_${randomUUID().replaceAll('-', '')}` };
    }],
    ['DELETE', '/keys/:id', ({ id }) => void remove(apiKeys, 'id', id)],
    ...importRoutes(),
  ];

  function schema() {
    const common = ['connection_id UUID', 'connection String', 'event_source String', 'event_object String', 'event_id String', "event_timestamp DateTime64(3, 'UTC')", 'event_email String', 'event_adb_cdt String', 'event_payload JSON', "received_at DateTime64(6, 'UTC')"].map((c) => ({ name: c.split(' ')[0], type: c.slice(c.indexOf(' ') + 1) }));
    return [
      { name: 'events', description: 'Every event once', columns: common },
      ...state.connections.map((c) => ({ name: c.name.toLowerCase().replaceAll(/\W+/g, '_'), description: c.name, columns: [...common, ...state.fields.filter((f) => f.connection_ids?.includes(c.id)).map((f) => ({ name: f.name, type: f.type === 'number' ? 'Nullable(Float64)' : 'Nullable(String)' }))] })),
    ];
  }

  function sql(query) {
    if (!/^\s*(select|with|explain|describe|show)\b/i.test(query)) throw new Problem(422, 'The statement was refused.', 'Only one read-only statement is allowed, for example SELECT … FROM events.');
    if (/\bboom\b/.test(query)) throw new Problem(422, 'The statement was refused.', "Unknown column 'boom'. Did you mean 'event_id'? (line 1, column 8)");
    const large = /limit\s+10000/i.test(query);
    if (/group by/i.test(query)) {
      return { ...runCompared(state, { metrics: ['count', 'uniq(event_email)'], dimensions: [], time: { from: '-30d', to: 'now', granularity: 'day' }, fill: true }, Date.now()) };
    }
    const rows = [];
    while (rows.length < (large ? 10_000 : 100)) rows.push(...state.events.map((e) => [e.event_timestamp, e.connection, e.event_id, e.event_email, e.event_payload.revenue === undefined ? null : Number(e.event_payload.revenue), e.event_payload]));
    return {
      columns: [{ name: 'event_timestamp', type: "DateTime64(3, 'UTC')" }, { name: 'connection', type: 'String' }, { name: 'event_id', type: 'String' }, { name: 'event_email', type: 'String' }, { name: 'revenue', type: 'Nullable(Float64)' }, { name: 'event_payload', type: 'JSON' }],
      rows: rows.slice(0, large ? 10_000 : 100), totals: null, meta: { rows_read: state.events.length, elapsed_ms: 8, truncated: false },
    };
  }

  function status() {
    return {
      version: 'mock', started_at: started, state: 'ok',
      engine: { kind: 'embedded', state: 'ok', version: '26.7.3', restarts: 0, memory_bytes: 412e6 },
      ingest: { events_per_second: 3.4, requests_per_second: 2.1, events_total: state.events.length, requests_total: 1812, history: Array.from({ length: 60 }, (_, i) => Math.round((3 + Math.sin(i / 6) * 1.6 + r()) * 10) / 10), history_step_seconds: 10 },
      spool: { state: 'ok', events_waiting: 14, bytes: 18_432, limit_bytes: 5e9, lag_seconds: 0.4, segments_quarantined: 0 },
      refused: { last_hour: state.refused.length, last_day: 11, by_status: { 400: 2, 422: 9 } },
      disk: { path: '/var/lib/tributary', free_bytes: 61e9, total_bytes: 100e9, used_by_data_bytes: 2.4e9 },
      storage: { events: state.events.length, bytes_on_disk: 131e6, parts: 21 },
      checks: [
        { name: 'Engine answers', state: 'ok', message: 'ClickHouse 26.7.3 answered in 2 ms.' },
        { name: 'Migrations', state: 'ok', message: 'All 9 are applied.' },
        { name: 'Open files', state: 'degraded', message: 'The limit is 1,024; large merges may need more.', remedy: 'Raise it with ulimit -n 65536 before starting.' },
        { name: 'Disk', state: 'ok', message: '61 GB free.' },
      ],
    };
  }

  if (live) {
    setInterval(() => {
      const [connection] = state.connections.filter((c) => c.name === 'Payment events');
      if (connection !== undefined && !connection.paused) accept(connection, [makeEvent(connection, 'payment', Date.now(), r)], 280);
    }, 2600).unref();
  }

  async function middleware(req, res, next) {
    origin = `http://${req.headers.host}`;
    const url = new URL(req.url, origin);
    if (!url.pathname.startsWith('/api/') && !url.pathname.startsWith('/collector/')) return next();
    let text = '';
    for await (const chunk of req) text += chunk;
    const answer = (status, body, type = 'application/json') => {
      res.writeHead(status, { 'Content-Type': type });
      res.end(body === undefined ? '' : JSON.stringify(body));
    };
    try {
      if (url.pathname.startsWith('/collector/webhook_event/')) return answer(201, ingest(url.pathname.split('/').at(-1), text));
      const key = req.headers.authorization?.replace('Bearer ', '');
      const share = shares.get(key);
      const me = share ? { role: 'viewer', name: share.name || 'Shared link', dashboard: share.dashboard } : keys[key];
      if (me === undefined) throw new Problem(401, 'A valid API key is needed.');
      const path = url.pathname.replace('/api/v1', '');
      for (const [method, pattern, handler] of routes) {
        const match = new RegExp(`^${pattern.replace(':id', '(?<id>[^/]+)').replace(':other', '(?<other>[^/]+)')}$`).exec(path);
        if (match === null || req.method !== method) continue;
        const decoded = Object.fromEntries(Object.entries(match.groups ?? {}).map(([k, v]) => [k, decodeURIComponent(v)]));
        const result = await handler({ ...decoded, body: text === '' || isForm(req) ? {} : JSON.parse(text), text, url, me, req, res });
        if (result === res) return undefined;
        return answer(result === undefined ? 204 : res.statusCode, result);
      }
      throw new Problem(404, 'There is nothing here.');
    } catch (error) {
      const status = error.status ?? (error.field ? 422 : 500);
      return answer(status, { title: error.title ?? 'A field or parameter breaks a rule.', status, detail: error.message, errors: error.errors ?? (error.field ? [{ field: error.field, message: error.message, code: 'unknown' }] : undefined), line: error.line, column: error.column, offset: error.offset }, 'application/problem+json');
    }
  }

  return { middleware, state };
}
