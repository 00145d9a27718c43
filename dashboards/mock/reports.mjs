// Answers report queries over events in memory. It is no judge of what a report
// should say: it only has to be plausible enough to build the app against.

const day = 86_400_000;
const units = { m: 60_000, h: 3_600_000, d: day, w: 7 * day };

export function resolveTime(text, now) {
  if (text === 'now') return now;
  const relative = /^-(\d+)(m|h|d|w|mo|y)$/.exec(text);
  if (relative !== null) {
    const count = Number(relative[1]);
    const unit = relative[2] === 'mo' ? 30 * day : relative[2] === 'y' ? 365 * day : units[relative[2]];
    return now - count * unit;
  }
  return Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
}

function at(payload, path) {
  return path.split('.').reduce((value, key) => (value === null || value === undefined ? undefined : value[key]), payload);
}

export function convert(value, type) {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'number': case 'integer': {
      if (typeof value !== 'number' && typeof value !== 'string') return null;
      const n = Number(value);
      if (value === '' || Number.isNaN(n) || (type === 'integer' && !Number.isInteger(n))) return null;
      return n;
    }
    case 'boolean': return typeof value === 'boolean' ? value : null;
    case 'datetime': return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null;
    case 'string[]': case 'number[]': return Array.isArray(value) ? value : null;
    default: return typeof value === 'object' ? null : String(value);
  }
}

const builtIn = ['connection_id', 'connection', 'event_source', 'event_object', 'event_id', 'event_email', 'event_adb_cdt', 'event_timestamp', 'received_at'];

export function readField(state, event, name) {
  if (builtIn.includes(name)) return event[name];
  if (name.startsWith('event_payload.')) return at(event.event_payload, name.slice(14)) ?? null;
  const field = state.fields.find((f) => f.name === name);
  if (field === undefined) throw Object.assign(new Error(`${name} is not a defined field.`), { field: name });
  return convert(at(event.event_payload, field.path), field.type);
}

export function matches(state, event, filters = []) {
  return filters.every(({ field, op, values = [] }) => {
    const value = readField(state, event, field);
    const [first] = values;
    switch (op) {
      case 'is_set': return value !== null && value !== undefined;
      case 'is_not_set': return value === null || value === undefined;
      case 'eq': return value == first; // numbers in strings count as numbers
      case 'ne': return value != first;
      case 'in': return values.map(String).includes(String(value));
      case 'not_in': return !values.map(String).includes(String(value));
      case 'gt': return value > first;
      case 'gte': return value >= first;
      case 'lt': return value < first;
      case 'lte': return value <= first;
      case 'between': return value >= first && value <= values[1];
      case 'contains': return String(value ?? '').toLowerCase().includes(String(first).toLowerCase());
      case 'starts_with': return String(value ?? '').startsWith(String(first));
      case 'matches': return new RegExp(String(first)).test(String(value ?? ''));
      default: return false;
    }
  });
}

function bucket(time, granularity) {
  const d = new Date(time);
  if (granularity === 'minute') d.setUTCSeconds(0, 0);
  else if (granularity === 'hour') d.setUTCMinutes(0, 0, 0);
  else d.setUTCHours(0, 0, 0, 0);
  if (granularity === 'week') d.setUTCDate(d.getUTCDate() - ((d.getUTCDay() + 6) % 7));
  if (granularity === 'month') d.setUTCDate(1);
  if (granularity === 'quarter') d.setUTCMonth(Math.floor(d.getUTCMonth() / 3) * 3, 1);
  if (granularity === 'year') d.setUTCMonth(0, 1);
  return d.getTime();
}

function next(time, granularity) {
  const d = new Date(time);
  const add = { minute: () => d.setUTCMinutes(d.getUTCMinutes() + 1), hour: () => d.setUTCHours(d.getUTCHours() + 1), day: () => d.setUTCDate(d.getUTCDate() + 1), week: () => d.setUTCDate(d.getUTCDate() + 7), month: () => d.setUTCMonth(d.getUTCMonth() + 1), quarter: () => d.setUTCMonth(d.getUTCMonth() + 3), year: () => d.setUTCFullYear(d.getUTCFullYear() + 1) };
  add[granularity]();
  return d.getTime();
}

export function measure(state, events, metric) {
  if (metric === 'count') return events.length;
  const [, name, argument] = /^([a-z_0-9]+)\((.+)\)$/.exec(metric) ?? [];
  if (name === undefined) throw Object.assign(new Error(`${metric} is not a metric.`), { field: 'metrics' });
  if (name === 'conversion' || name === 'conversion_value') {
    const conversion = state.conversions.find((c) => c.name === argument);
    if (conversion === undefined) throw Object.assign(new Error(`${argument} is not a defined conversion.`), { field: 'metrics' });
    const hits = events.filter((e) => (!conversion.connection_ids?.length || conversion.connection_ids.includes(e.connection_id)) && matches(state, e, conversion.filters));
    if (name === 'conversion') return hits.length;
    return round(hits.reduce((sum, e) => sum + (Number(readField(state, e, conversion.value_field)) || 0), 0));
  }
  const values = events.map((e) => readField(state, e, argument)).filter((v) => v !== null && v !== undefined);
  if (name === 'uniq') return new Set(values).size;
  const numbers = values.map(Number).sort((a, b) => a - b);
  const quantile = (q) => (numbers.length === 0 ? null : numbers[Math.min(numbers.length - 1, Math.floor(q * numbers.length))]);
  switch (name) {
    case 'sum': return round(numbers.reduce((a, b) => a + b, 0));
    case 'avg': return numbers.length === 0 ? null : round(numbers.reduce((a, b) => a + b, 0) / numbers.length);
    case 'min': return numbers[0] ?? null;
    case 'max': return numbers.at(-1) ?? null;
    case 'median': return quantile(0.5);
    default: return quantile(Number(name.slice(1)) / 100);
  }
}

const round = (n) => Math.round(n * 100) / 100;

export function select(state, query, now, shift = 0) {
  const from = resolveTime(query.time.from, now) - shift;
  const to = resolveTime(query.time.to, now) - shift;
  const chosen = query.connections ?? [];
  const events = state.events.filter((e) => {
    const time = Date.parse(e.event_timestamp);
    return time >= from && time < to && (chosen.length === 0 || chosen.includes(e.connection_id)) && matches(state, e, query.filters);
  });
  return { events, from, to };
}

export function runReport(state, query, now, shift = 0) {
  const { events, from, to } = select(state, query, now, shift);
  const granularity = query.time.granularity;
  const dimensions = query.dimensions ?? [];
  const groups = new Map();
  for (const event of events) {
    const key = [
      ...(granularity ? [bucket(Date.parse(event.event_timestamp), granularity)] : []),
      ...dimensions.map((d) => readField(state, event, d) ?? null),
    ];
    const id = JSON.stringify(key);
    if (!groups.has(id)) groups.set(id, { key, events: [] });
    groups.get(id).events.push(event);
  }
  if (granularity && query.fill && dimensions.length === 0) {
    for (let t = bucket(from, granularity); t < to; t = next(t, granularity)) {
      const id = JSON.stringify([t]);
      if (!groups.has(id)) groups.set(id, { key: [t], events: [] });
    }
  }
  if (!granularity && dimensions.length === 0 && groups.size === 0) groups.set('', { key: [], events: [] });
  let rows = [...groups.values()].map((g) => [...g.key, ...query.metrics.map((m) => measure(state, g.events, m))]);
  if (granularity) rows.sort((a, b) => a[0] - b[0]);
  const order = query.order?.[0];
  if (order !== undefined && !granularity) {
    const i = order.by === 'time' ? 0 : dimensions.includes(order.by) ? dimensions.indexOf(order.by) : dimensions.length + query.metrics.indexOf(order.by);
    rows.sort((a, b) => (order.dir === 'desc' ? -1 : 1) * (a[i] > b[i] ? 1 : -1));
  }
  if (granularity) rows = rows.map(([t, ...rest]) => [new Date(t + shift).toISOString().replace('.000Z', 'Z'), ...rest]);
  const limit = query.limit ?? 10_000;
  const label = (name) => state.fields.find((f) => f.name === name)?.label;
  return {
    columns: [
      ...(granularity ? [{ name: 'time', type: 'datetime' }] : []),
      ...dimensions.map((d) => ({ name: d, type: 'string', label: label(d) ?? d })),
      ...query.metrics.map((m) => ({ name: m, type: 'number' })),
    ],
    rows: rows.slice(0, limit),
    totals: [...(granularity ? [null] : []), ...dimensions.map(() => null), ...query.metrics.map((m) => measure(state, events, m))],
    meta: { as_of: new Date(now).toISOString(), rows_read: state.events.length, elapsed_ms: 11, truncated: rows.length > limit },
  };
}

export function runCompared(state, query, now) {
  const result = runReport(state, query, now);
  if (!query.compare) return result;
  const length = resolveTime(query.time.to, now) - resolveTime(query.time.from, now);
  const shift = Math.ceil(length / day) * day;
  const before = runReport(state, { ...query, limit: 100_000 }, now, shift);
  const keys = result.columns.length - query.metrics.length;
  const seen = new Map(before.rows.map((row) => [JSON.stringify(row.slice(0, keys)), row.slice(keys)]));
  return {
    ...result,
    columns: [...result.columns, ...query.metrics.map((m) => ({ name: `previous(${m})`, type: 'number' }))],
    rows: result.rows.map((row) => [...row, ...(seen.get(JSON.stringify(row.slice(0, keys))) ?? query.metrics.map(() => null))]),
    totals: [...result.totals, ...before.totals.slice(keys)],
  };
}

export function runFunnel(state, query, now) {
  const { events } = select(state, query, now);
  let people = null;
  const steps = query.steps.map((name) => {
    const conversion = state.conversions.find((c) => c.name === name);
    if (conversion === undefined) throw Object.assign(new Error(`${name} is not a defined conversion.`), { field: 'steps' });
    const here = new Set(events.filter((e) => (!conversion.connection_ids?.length || conversion.connection_ids.includes(e.connection_id)) && matches(state, e, conversion.filters)).map((e) => e.event_email));
    people = people === null ? here : new Set([...people].filter((p) => here.has(p)));
    return { name, people: people.size };
  });
  const first = steps[0]?.people ?? 0;
  return {
    columns: [['step', 'integer'], ['conversion', 'string'], ['people', 'integer'], ['rate', 'number'], ['step_rate', 'number'], ['median_seconds', 'number']].map(([name, type]) => ({ name, type, label: name })),
    rows: steps.map((s, i) => [i + 1, s.name, s.people, first === 0 ? null : s.people / first, i === 0 ? null : s.people / (steps[i - 1].people || 1), i === 0 ? null : 140_000]),
    totals: null,
    meta: { as_of: new Date(now).toISOString(), rows_read: state.events.length, elapsed_ms: 19, truncated: false },
  };
}
