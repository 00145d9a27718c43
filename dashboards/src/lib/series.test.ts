import { describe, expect, it } from 'vitest';
import type { ReportResult } from '../api/types';
import { funnelSteps, headline, metricLabel, picture, timeLabel } from './series';

const result = (columns: string[], rows: ReportResult['rows'], totals?: ReportResult['totals']): ReportResult => ({
  columns: columns.map((name) => ({ name, type: 'x' })), rows, totals, meta: {},
});

describe('picture', () => {
  it('draws one series for each group, the largest first', () => {
    const drawn = picture(result(['time', 'country', 'count'], [
      ['2026-01-01', 'DE', 1], ['2026-01-01', 'FR', 5], ['2026-01-02', 'FR', 7],
    ]), { metrics: 1, granularity: 'day' });
    expect(drawn.series).toEqual([{ name: 'FR', values: [5, 7] }, { name: 'DE', values: [1, null] }]);
    expect(drawn.keys).toEqual(['2026-01-01', '2026-01-02']);
    expect(drawn.groups).toEqual([['FR'], ['DE']]);
  });

  it('draws the period before behind, in the same colour', () => {
    const drawn = picture(result(['time', 'count', 'previous(count)'], [['2026-01-01', 3, 2]]), { metrics: 1, granularity: 'day' });
    expect(drawn.series).toEqual([{ name: 'Events', values: [3] }, { name: 'Events, before', values: [2], dashed: true, colorOf: 0 }]);
  });

  it('tells how many groups it leaves out', () => {
    const rows = Array.from({ length: 20 }, (_, i) => ['2026-01-01', `g${i}`, i]);
    const drawn = picture(result(['time', 'g', 'count'], rows), { metrics: 1, granularity: 'day' });
    expect(drawn.series.map((s) => s.name)).toEqual(['g19', 'g18', 'g17', 'g16', 'g15', 'g14', 'g13', 'g12']);
    expect(drawn.hidden).toBe(12);
  });

  it('takes names as categories without time', () => {
    const drawn = picture(result(['country', 'count'], [['DE', 2], [null, 1]]), { metrics: 1 });
    expect(drawn.categories).toEqual(['DE', '(none)']);
    expect(drawn.series).toEqual([{ name: 'Events', values: [2, 1] }]);
  });
});

describe('headline', () => {
  it('reads totals', () => {
    const columns = ['time', 'count', 'previous(count)'];
    expect(headline(result(columns, [], [null, 9, 4]), 1)).toEqual({ now: 9, before: 4 });
  });

  it('reads the only row where there are no totals', () => {
    expect(headline(result(['count'], [[5]]), 1)).toEqual({ now: 5, before: null });
    expect(headline(result(['count'], [[5], [6]]), 1)).toEqual({ now: null, before: null });
  });
});

it('names metrics as people do', () => {
  const labels = { fields: new Map([['revenue', 'Revenue']]), conversions: new Map([['paid', 'Paid orders']]) };
  expect(['count', 'sum(revenue)', 'p95(revenue)', 'uniq(event_email)', 'conversion(paid)', 'conversion_value(paid)', 'previous(count)'].map((m) => metricLabel(m, labels)))
    .toEqual(['Events', 'Sum of Revenue', 'p95 Revenue', 'Unique people', 'Paid orders', 'Value of Paid orders', 'Events, before']);
});

it('keeps a plain date on its day in every zone', () => {
  expect(timeLabel('2026-01-05', 'day', 'Pacific/Honolulu')).toBe(timeLabel('2026-01-05', 'day', 'Pacific/Auckland'));
});

it('reads the steps of a funnel', () => {
  const steps = funnelSteps(result(['step', 'conversion', 'people', 'rate', 'step_rate', 'median_seconds'], [[1, 'won', 10, 1, null, null], [2, 'paid', 4, 0.4, 0.4, 60]]));
  expect(steps).toEqual([{ name: 'won', people: 10, rate: 1, medianSeconds: null }, { name: 'paid', people: 4, rate: 0.4, medianSeconds: 60 }]);
});
