/** From a report's rows to what a chart draws. Pure. */
import type { Cell, Column, Granularity, ReportResult } from '../api/types';
import { viewerTimeZone } from './format';

export interface Series {
  name: string;
  values: (number | null)[];
  /** Of the period before: drawn behind. */
  dashed?: boolean;
  /** The series whose colour a dashed one shares. */
  colorOf?: number;
}

export interface Picture {
  categories: string[];
  series: Series[];
  /** For each category the value of the first column: a time or a name. */
  keys: Cell[];
  /** For each series the values of the dimensions that make it. */
  groups: Cell[][];
  /** Groups that were left out because nobody could tell so many apart. */
  hidden: number;
}

const previous = /^previous\((.+)\)$/;
export const isPrevious = (column: Column): boolean => previous.test(column.name);
export const maxSeries = 8;

const metricText: Record<string, string> = {
  sum: 'Sum of', avg: 'Average', min: 'Smallest', max: 'Largest', median: 'Median', uniq: 'Unique', conversion: 'Conversions:', conversion_value: 'Value of',
};
const builtIn: Record<string, string> = {
  event_email: 'people', event_id: 'event ids', event_source: 'event source', event_object: 'event object', connection: 'connection', event_adb_cdt: 'CDTs',
};

export interface Labels {
  fields: ReadonlyMap<string, string>;
  conversions: ReadonlyMap<string, string>;
}
const noLabels: Labels = { fields: new Map(), conversions: new Map() };

/** "sum(revenue)" as people say it: "Sum of revenue". */
export function metricLabel(metric: string, labels: Labels = noLabels): string {
  const before = previous.exec(metric)?.[1];
  if (before !== undefined) return `${metricLabel(before, labels)}, before`;
  if (metric === 'count') return 'Events';
  const match = /^([a-z_]+\d*)\((.+)\)$/.exec(metric);
  if (match === null) return metric;
  const [, name = '', argument = ''] = match;
  if (name === 'conversion' || name === 'conversion_value') {
    const label = labels.conversions.get(argument) ?? argument;
    return name === 'conversion' ? label : `Value of ${label}`;
  }
  const field = labels.fields.get(argument) ?? builtIn[argument] ?? argument;
  if (metric === 'uniq(event_email)') return 'Unique people';
  const text = metricText[name] ?? name;
  return `${text} ${field}`;
}

export function columnLabel(column: Column, labels: Labels = noLabels): string {
  if (column.name === 'time') return 'Time';
  if (isPrevious(column)) return metricLabel(column.name, labels);
  if (column.label !== undefined && column.label !== '' && column.label !== column.name) return column.label;
  return /\(|^count$/.test(column.name) ? metricLabel(column.name, labels) : labels.fields.get(column.name) ?? column.name;
}

function timeParts(granularity: Granularity | undefined): Intl.DateTimeFormatOptions {
  switch (granularity) {
    case 'minute': case 'hour': return { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' };
    case 'month': case 'quarter': return { month: 'short', year: 'numeric' };
    case 'year': return { year: 'numeric' };
    default: return { month: 'short', day: 'numeric' };
  }
}

/** Formatters take longer to make than to use, and a chart may have thousands of points. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function timeFormat(granularity: Granularity | undefined, timeZone: string): Intl.DateTimeFormat {
  const name = `${granularity ?? ''} ${timeZone}`;
  let format = formatters.get(name);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(undefined, { timeZone, ...timeParts(granularity) });
    formatters.set(name, format);
  }
  return format;
}

export function timeLabel(text: string, granularity: Granularity | undefined, timezone: string | undefined): string {
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const date = new Date(isDate ? `${text}T12:00:00Z` : text);
  if (Number.isNaN(date.getTime())) return text;
  return timeFormat(granularity, isDate ? 'UTC' : timezone ?? viewerTimeZone()).format(date);
}

export function cellText(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '(none)';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

const asNumber = (cell: Cell | undefined): number | null => (typeof cell === 'number' ? cell : null);

/** How many leading columns are not numbers to draw: the time bucket and the dimensions. */
export function keyCount(result: ReportResult, metrics: number): number {
  const drawn = result.columns.filter(isPrevious).length + metrics;
  return Math.max(0, result.columns.length - drawn);
}

export function picture(result: ReportResult, options: {
  metrics: number; granularity?: Granularity; timezone?: string; labels?: Labels;
}): Picture {
  const keys = keyCount(result, options.metrics);
  const timed = options.granularity !== undefined && result.columns[0]?.name === 'time';
  const labels = options.labels ?? noLabels;
  const metricColumns = result.columns.map((column, index) => ({ column, index })).slice(keys);

  const categories = new Map<string, { at: number; key: Cell }>();
  const groups = new Map<string, { cells: Cell[]; total: number }>();
  const groupCells = (row: Cell[]) => row.slice(1, keys);
  for (const row of result.rows) {
    const key = keys === 0 ? '' : row[0] ?? null;
    const id = JSON.stringify(key);
    if (!categories.has(id)) categories.set(id, { at: categories.size, key });
    const cells = groupCells(row);
    const group = groups.get(JSON.stringify(cells)) ?? { cells, total: 0 };
    group.total += Math.abs(asNumber(row[keys]) ?? 0);
    groups.set(JSON.stringify(cells), group);
  }
  const ordered = [...groups.entries()].sort((a, b) => b[1].total - a[1].total);
  const room = Math.max(1, Math.floor(maxSeries / Math.max(1, options.metrics)));
  const shown = ordered.slice(0, room);

  const series: Series[] = [];
  const seriesGroups: Cell[][] = [];
  for (const [id, group] of shown) {
    const own = result.rows.filter((row) => JSON.stringify(groupCells(row)) === id);
    const groupName = group.cells.map(cellText).join(' · ');
    for (const { column, index } of metricColumns) {
      const values = new Array<number | null>(categories.size).fill(null);
      for (const row of own) {
        const at = categories.get(JSON.stringify(keys === 0 ? '' : row[0] ?? null))?.at;
        if (at !== undefined) values[at] = asNumber(row[index]);
      }
      const dashed = isPrevious(column);
      const metricName = columnLabel(column, labels);
      const name = groupName === '' ? metricName : options.metrics > 1 || dashed ? `${groupName}: ${metricName}` : groupName;
      const colorOf = dashed ? series.length - options.metrics : undefined;
      series.push(dashed ? { name, values, dashed, colorOf } : { name, values });
      seriesGroups.push(group.cells);
    }
  }
  const list = [...categories.values()];
  return {
    categories: list.map(({ key }) => (timed ? timeLabel(cellText(key), options.granularity, options.timezone) : cellText(key))),
    keys: list.map(({ key }) => key),
    series,
    groups: seriesGroups,
    hidden: ordered.length - shown.length,
  };
}

/** The single number of a report: its total, or the only row's value. */
export function headline(result: ReportResult, metrics: number): { now: number | null; before: number | null } {
  const keys = keyCount(result, metrics);
  const totals = result.totals;
  const columns = result.columns;
  const previousAt = columns.findIndex(isPrevious);
  const read = (index: number): number | null => {
    if (index < 0 || index >= columns.length) return null;
    if (totals !== null && totals !== undefined) return asNumber(totals[index]);
    return result.rows.length === 1 ? asNumber(result.rows[0]?.[index]) : null;
  };
  return { now: read(keys), before: read(previousAt) };
}

export interface FunnelStep {
  name: string;
  people: number;
  /** Of those who began, 0 to 1. */
  rate: number;
  medianSeconds: number | null;
}

/** The steps of a funnel without a dimension out of its rows. */
export function funnelSteps(result: ReportResult): FunnelStep[] {
  const at = (name: string) => result.columns.findIndex((c) => c.name === name);
  const [name, people, rate, median] = [at('conversion'), at('people'), at('rate'), at('median_seconds')];
  return result.rows.map((row) => ({
    name: cellText(row[name]), people: asNumber(row[people]) ?? 0, rate: asNumber(row[rate]) ?? 0, medianSeconds: asNumber(row[median]),
  }));
}
