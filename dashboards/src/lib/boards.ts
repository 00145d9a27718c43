/** Arranging panels, and the ready dashboard of a connection. Pure. */
import type { Connection, ConversionDefinition, FieldDefinition, Panel, PanelHeight, ReportQuery, SavedReport, Visualisation } from '../api/types';

export const widths = [3, 4, 6, 8, 12] as const;
export const heights: Record<PanelHeight, number> = { s: 176, m: 330, l: 500 };

export function newPanel(report: string, visualization: Visualisation): Panel {
  if (visualization === 'number') return { report, width: 3, height: 's' };
  return { report, width: visualization === 'line' ? 12 : 6, height: 'm' };
}

/** Moves the panel at one place to another; the others keep their order. */
export function move<T>(list: readonly T[], from: number, to: number): T[] {
  const moved = list[from];
  if (moved === undefined || to < 0 || to >= list.length) return [...list];
  return list.toSpliced(from, 1).toSpliced(to, 0, moved);
}

export function resize(width: Panel['width'], by: 1 | -1): Panel['width'] {
  return widths[widths.indexOf(width) + by] ?? width;
}

export interface ReadyPanel {
  panel: Panel;
  report: SavedReport & { kind: 'report'; visualization: Exclude<Visualisation, 'funnel'> };
}

/**
 * A picture of any connection, from its first event on: how much, from whom, when;
 * with every definition that it has, more.
 */
export function readyBoard(connection: Pick<Connection, 'id'>, fields: FieldDefinition[], conversions: ConversionDefinition[], timezone: string, from: string): ReadyPanel[] {
  const belongs = (ids: string[] | null | undefined) => ids === null || ids === undefined || ids.length === 0 || ids.includes(connection.id);
  const own = fields.filter((f) => belongs(f.connection_ids));
  const numbers = own.filter((f) => f.type === 'number' || f.type === 'integer');
  const texts = own.filter((f) => f.type === 'string' || f.type === 'boolean');
  const made = conversions.filter((c) => belongs(c.connection_ids));
  const base = { connections: [connection.id] };
  const time = { from, to: 'now', timezone };
  const label = (f: { label?: string; name: string }) => (f.label !== undefined && f.label !== '' ? f.label : f.name);
  const prefix = connection.id.slice(0, 8);
  const panels: ReadyPanel[] = [];
  const add = (title: string, visualization: Exclude<Visualisation, 'funnel'>, query: ReportQuery, panel: Omit<Panel, 'report'>) => {
    const slug = `${prefix}-${panels.length + 1}`;
    panels.push({ panel: { report: slug, ...panel }, report: { slug, title, kind: 'report', visualization, query } });
  };
  add('Events', 'number', { ...base, metrics: ['count'], time, compare: 'previous_period' }, { width: 3, height: 's' });
  add('People', 'number', { ...base, metrics: ['uniq(event_email)'], time, compare: 'previous_period' }, { width: 3, height: 's' });
  const main = numbers[0];
  if (main !== undefined) add(label(main), 'number', { ...base, metrics: [`sum(${main.name})`], time, compare: 'previous_period' }, { width: 3, height: 's' });
  const conversion = made[0];
  if (conversion !== undefined) add(label(conversion), 'number', { ...base, metrics: [`conversion(${conversion.name})`], time, compare: 'previous_period' }, { width: 3, height: 's' });
  add('Events over time', 'line', { ...base, metrics: ['count'], time: { ...time, granularity: from === '-24h' ? 'hour' : 'day' }, fill: true, compare: 'previous_period' }, { width: main === undefined ? 12 : 6, height: 'm' });
  if (main !== undefined) add(`${label(main)} over time`, 'bar', { ...base, metrics: [`sum(${main.name})`], time: { ...time, granularity: from === '-24h' ? 'hour' : 'day' }, fill: true }, { width: 6, height: 'm' });
  for (const text of texts.slice(0, 4)) {
    const metric = main === undefined ? 'count' : `sum(${main.name})`;
    add(main === undefined ? `By ${label(text)}` : `${label(main)} by ${label(text)}`, 'bar', { ...base, metrics: [metric], dimensions: [text.name], time, order: [{ by: metric, dir: 'desc' }], limit: 8 }, { width: 6, height: 'm' });
  }
  add('Most active people', 'table', { ...base, metrics: ['count', ...(main === undefined ? [] : [`sum(${main.name})`])], dimensions: ['event_email'], time, order: [{ by: 'count', dir: 'desc' }], limit: 20 }, { width: texts.length % 2 === 0 ? 12 : 6, height: 'm' });
  return panels;
}
