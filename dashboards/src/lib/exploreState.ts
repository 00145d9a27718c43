/**
 * The Explore page's state, its form in the address, and the question that it
 * asks. Pure: encode and decode are each other's inverse.
 */
import {
  granularities, visualisations,
  type Filter, type FunnelQuery, type Granularity, type ReportQuery, type SavedReport, type Visualisation,
} from '../api/types';
import { normalise, readFilter, writeFilter } from './filters';

export type Compare = 'none' | 'previous_period';

export interface ExploreState {
  metrics: string[];
  dimensions: string[];
  filters: Filter[];
  connections: string[];
  from: string;
  to: string;
  /** "auto" follows from range and visualisation; "none" is one bucket. */
  granularity: Granularity | 'auto' | 'none';
  /** Empty = the viewer's. */
  timezone: string;
  compare: Compare;
  visualization: Visualisation;
  /** Conversions of a funnel, in order. */
  steps: string[];
  window: string;
}

export const initialState: ExploreState = {
  metrics: ['count'], dimensions: [], filters: [], connections: [], from: '-30d', to: 'now', granularity: 'auto', timezone: '',
  compare: 'none', visualization: 'line', steps: [], window: '7d',
};

const has = <T extends string>(list: readonly T[], text: string | null): text is T => text !== null && (list as readonly string[]).includes(text);

function decodeFilter(text: string): Filter[] {
  try {
    return readFilter(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Only what differs from the initial state stands in the address. */
export function encodeState(state: ExploreState): URLSearchParams {
  const params = new URLSearchParams();
  const list = (name: string, values: string[]) => values.forEach((v) => params.append(name, v));
  const text = (name: string, value: string, usual: string) => {
    if (value !== usual) params.set(name, value);
  };
  // None at all is not the same as nothing said.
  if (state.metrics.length === 0) params.set('m', '');
  else if (JSON.stringify(state.metrics) !== JSON.stringify(initialState.metrics)) list('m', state.metrics);
  list('d', state.dimensions);
  for (const f of state.filters) params.append('f', writeFilter(f));
  list('c', state.connections);
  text('from', state.from, initialState.from);
  text('to', state.to, initialState.to);
  text('g', state.granularity, initialState.granularity);
  text('tz', state.timezone, initialState.timezone);
  text('cmp', state.compare, initialState.compare);
  text('v', state.visualization, initialState.visualization);
  list('s', state.steps);
  text('w', state.window, initialState.window);
  return params;
}

/** Reads any address; what makes no sense is left at its initial value. */
export function decodeState(params: URLSearchParams): ExploreState {
  const list = (name: string) => params.getAll(name).filter((v) => v !== '');
  const granularity = params.get('g');
  const compare = params.get('cmp');
  const visualization = params.get('v');
  return {
    metrics: params.has('m') ? list('m') : initialState.metrics,
    dimensions: list('d'),
    filters: params.getAll('f').flatMap(decodeFilter),
    connections: list('c'),
    from: params.get('from') ?? initialState.from,
    to: params.get('to') ?? initialState.to,
    granularity: has([...granularities, 'auto', 'none'] as const, granularity) ? granularity : initialState.granularity,
    timezone: params.get('tz') ?? initialState.timezone,
    compare: has(['none', 'previous_period'] as const, compare) ? compare : initialState.compare,
    visualization: has(visualisations, visualization) ? visualization : initialState.visualization,
    steps: list('s'),
    window: params.get('w') ?? initialState.window,
  };
}

const minute = 60_000;
const unit: Record<string, number> = { m: minute, h: 60 * minute, d: 1440 * minute, w: 7 * 1440 * minute, mo: 30 * 1440 * minute, y: 365 * 1440 * minute };

/** When a bound of a range is, roughly: for choosing buckets, not for asking. */
export function roughTime(bound: string, now: Date): number | null {
  if (bound === 'now') return now.getTime();
  const relative = /^-(\d+)(mo|m|h|d|w|y)$/.exec(bound);
  if (relative !== null) return now.getTime() - Number(relative[1]) * (unit[relative[2] ?? 'd'] ?? 0);
  const time = Date.parse(bound);
  return Number.isNaN(time) ? null : time;
}

/** Buckets that give a readable picture: some dozens. */
export function autoGranularity(from: string, to: string, now: Date): Granularity {
  const [start, end] = [roughTime(from, now), roughTime(to, now)];
  if (start === null || end === null) return 'day';
  const hours = (end - start) / (60 * minute);
  if (hours <= 3) return 'minute';
  if (hours <= 24 * 4) return 'hour';
  if (hours <= 24 * 100) return 'day';
  if (hours <= 24 * 400) return 'week';
  return hours <= 24 * 365 * 6 ? 'month' : 'year';
}

export function chosenGranularity(state: ExploreState, now: Date): Granularity | undefined {
  if (state.visualization === 'number' || state.granularity === 'none') return state.visualization === 'line' ? autoGranularity(state.from, state.to, now) : undefined;
  if (state.granularity !== 'auto') return state.granularity;
  if (state.visualization === 'line') return autoGranularity(state.from, state.to, now);
  return state.dimensions.length === 0 ? autoGranularity(state.from, state.to, now) : undefined;
}

/** The question for the report API; null while something is missing. */
export function toQuery(state: ExploreState, zone: string, now: Date): ReportQuery | null {
  const first = state.metrics[0];
  if (first === undefined) return null;
  const granularity = chosenGranularity(state, now);
  const dimensions = state.visualization === 'number' ? [] : state.dimensions;
  return {
    metrics: state.metrics,
    ...(dimensions.length > 0 ? { dimensions } : {}),
    time: { from: state.from, to: state.to, timezone: state.timezone === '' ? zone : state.timezone, ...(granularity === undefined ? {} : { granularity }) },
    ...(state.filters.length > 0 ? { filters: state.filters } : {}),
    ...(state.connections.length > 0 ? { connections: state.connections } : {}),
    ...(granularity === undefined && dimensions.length > 0 ? { order: [{ by: first, dir: 'desc' as const }] } : {}),
    ...(state.compare === 'none' ? {} : { compare: state.compare }),
    limit: granularity === undefined ? (state.visualization === 'bar' ? 30 : 1000) : 10_000,
    ...(granularity === undefined ? {} : { fill: true }),
  };
}

export function toFunnel(state: ExploreState, zone: string): FunnelQuery {
  return {
    steps: state.steps, window: state.window,
    time: { from: state.from, to: state.to, timezone: state.timezone === '' ? zone : state.timezone },
    ...(state.filters.length > 0 ? { filters: state.filters } : {}),
    ...(state.connections.length > 0 ? { connections: state.connections } : {}),
  };
}

/** How to show a report that nobody chose a look for. */
export function lookOf(report: SavedReport): Visualisation {
  if (report.visualization !== undefined) return report.visualization;
  if (report.kind === 'funnel') return 'funnel';
  const dimensions = report.query.dimensions?.length ?? 0;
  if (report.query.time.granularity !== undefined) return 'line';
  if (dimensions === 0) return report.query.metrics.length === 1 ? 'number' : 'table';
  return dimensions === 1 && report.query.metrics.length === 1 ? 'bar' : 'table';
}

/** The state that shows a saved report, so that it can be explored further. */
export function fromReport(report: SavedReport): ExploreState {
  const { time, filters, connections } = report.query;
  const shared = { ...initialState, filters: normalise(filters), connections: connections ?? [], from: time.from, to: time.to, timezone: time.timezone ?? '', visualization: lookOf(report) };
  if (report.kind === 'funnel') return { ...shared, steps: report.query.steps, window: report.query.window };
  const { metrics, dimensions, compare, time: { granularity } } = report.query;
  return { ...shared, metrics, dimensions: dimensions ?? [], granularity: granularity ?? 'none', compare: compare ?? 'none' };
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same question for a terminal. The key stays out of it. */
export function curlOf(origin: string, path: string, body: unknown): string {
  return `curl -X POST ${quote(origin + path)} \\\n  -H "Authorization: Bearer $TRIBUTARY_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d ${quote(JSON.stringify(body, null, 2))}`;
}
