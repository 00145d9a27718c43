import type { ReportResult } from '../api/types';

/** Counts of the last hours, oldest first, out of a report of count by connection and hour. */
export function hourlyCounts(report: ReportResult | undefined, connection: string, now: Date, hours: number): number[] {
  const counts = new Array<number>(hours).fill(0);
  if (report === undefined) return counts;
  const column = (name: string) => report.columns.findIndex((c) => c.name === name);
  const [time, id, count] = [column('time'), column('connection_id'), column('count')];
  const hour = 3_600_000;
  const current = Math.floor(now.getTime() / hour);
  for (const row of report.rows) {
    if (row[id] !== connection) continue;
    const start = row[time];
    if (typeof start !== 'string') continue;
    const at = new Date(start).getTime();
    const slot = hours - 1 - (current - Math.floor(at / hour));
    const value = row[count];
    if (slot >= 0 && slot < hours && typeof value === 'number') counts[slot] = (counts[slot] ?? 0) + value;
  }
  return counts;
}
