/** A report's answer in the way that was chosen: line, bar, table, number or funnel. */
import { Suspense, lazy, useMemo } from 'react';
import { Group, Skeleton, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries';
import type { Cell, FunnelQuery, ReportQuery, ReportResult, Visualisation } from '../api/types';
import { change, formatCompact, formatDuration, formatNumber, formatPercent, humanise } from '../lib/format';
import { columnLabel, funnelSteps, headline, metricLabel, picture, type Labels } from '../lib/series';
import { useLabels } from './useLabels';
import { DataTable } from './DataTable';
import { Empty, Failure } from './basics';

const Chart = lazy(() => import('./Chart'));

export interface Pick {
  /** A time bucket or the value of the first dimension. */
  key: Cell;
  /** The bucket after it, if there is one: where this one ends. */
  nextKey: Cell | undefined;
  /** Values of the dimensions behind the first, or of all if time comes first. */
  group: Cell[];
}

type Height = number | '100%';

export function ReportView({ query, visualization, height = 320, onPick }: {
  query: ReportQuery; visualization: Exclude<Visualisation, 'funnel'>; height?: Height; onPick?: (pick: Pick) => void;
}) {
  const report = useQuery(queries.report(query));
  if (report.error !== null) return <Failure error={report.error} retry={() => void report.refetch()} />;
  if (report.data === undefined) return <Waiting height={height} visualization={visualization} />;
  return (
    <div style={{ opacity: report.isPlaceholderData ? 0.55 : 1, transition: 'opacity 0.15s', height: height === '100%' ? '100%' : undefined }} aria-busy={report.isPlaceholderData}>
      <ResultView result={report.data} metrics={query.metrics} visualization={visualization} granularity={query.time.granularity} timezone={query.time.timezone} height={height} onPick={onPick} />
    </div>
  );
}

function Waiting({ height, visualization }: { height: Height; visualization: Visualisation }) {
  return visualization === 'number' ? <Skeleton h={52} w={160} /> : <Skeleton h={height} radius={10} role="img" aria-label="Loading" />;
}

export function ResultView({ result, metrics, visualization, granularity, timezone, height, onPick }: {
  result: ReportResult; metrics: string[]; visualization: Visualisation; granularity?: ReportQuery['time']['granularity']; timezone?: string;
  height: Height; onPick?: (pick: Pick) => void;
}) {
  const labels = useLabels();
  const drawn = useMemo(() => picture(result, { metrics: metrics.length, granularity, timezone, labels }), [result, metrics.length, granularity, timezone, labels]);
  if (visualization === 'number') return <BigNumber result={result} metrics={metrics} labels={labels} />;
  if (result.rows.length === 0) {
    return <Empty title="No events match">Choose a longer time range or fewer filters.</Empty>;
  }
  if (visualization === 'table') {
    return <DataTable columns={result.columns} rows={result.rows} height={height} label="Report" name={(c) => columnLabel(c, labels)} granularity={granularity} timezone={timezone} />;
  }
  const horizontal = visualization === 'bar' && granularity === undefined && drawn.categories.length > 1;
  const chosen = drawn.series.map((s) => s.name).join(', ');
  return (
    <>
      <Suspense fallback={<Waiting height={height} visualization={visualization} />}>
        <Chart
          kind={visualization === 'line' && granularity !== undefined ? 'line' : 'bar'} horizontal={horizontal}
          categories={drawn.categories} series={drawn.series}
          height={horizontal && height !== '100%' ? Math.max(120, Math.min(720, drawn.categories.length * 34 + 50)) : height}
          label={`${chosen}: ${drawn.categories.length} points from ${drawn.categories[0] ?? ''} to ${drawn.categories.at(-1) ?? ''}. The table view shows the same numbers.`}
          onPick={onPick === undefined ? undefined : (index, at) => onPick({ key: drawn.keys[index] ?? null, nextKey: drawn.keys[index + 1], group: drawn.groups[at] ?? [] })}
        />
      </Suspense>
      {drawn.hidden > 0 && <Text size="xs" c="dimmed" mt={6}>The {drawn.series.length} largest are drawn; {formatNumber(drawn.hidden)} more are in the table.</Text>}
    </>
  );
}

function BigNumber({ result, metrics, labels }: { result: ReportResult; metrics: string[]; labels: Labels }) {
  const { now, before } = headline(result, metrics.length);
  const delta = now !== null && before !== null ? change(now, before) : null;
  return (
    <div style={{ margin: 'auto 0' }}>
      <div className="big-number tnum" title={now === null ? undefined : formatNumber(now)}>{now === null ? '–' : formatCompact(now)}</div>
      <Group gap={8} mt={4}>
        <Text size="sm" c="dimmed">{metricLabel(metrics[0] ?? 'count', labels)}</Text>
        {delta !== null && before !== null && (
          <span className={`delta ${delta > 0 ? 'good' : delta < 0 ? 'bad' : 'dim'}`} title={`${formatNumber(before)} in the period before`}>
            {delta > 0 ? '▲' : delta < 0 ? '▼' : ''} {formatPercent(Math.abs(delta))}
          </span>
        )}
      </Group>
    </div>
  );
}

export function FunnelView({ query }: { query: FunnelQuery }) {
  const funnel = useQuery({ ...queries.funnel(query), enabled: query.steps.length > 0 });
  if (query.steps.length < 2) return <Empty title="A funnel needs two steps">Choose conversions in the order in which people reach them.</Empty>;
  if (funnel.error !== null) return <Failure error={funnel.error} retry={() => void funnel.refetch()} />;
  if (funnel.data === undefined) return <Skeleton h={180} radius={10} role="img" aria-label="Loading" />;
  return <FunnelBars result={funnel.data} />;
}

export function FunnelBars({ result }: { result: ReportResult }) {
  const labels = useLabels();
  const steps = funnelSteps(result);
  return (
    <ol className="funnel" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
      {steps.map((step, i) => {
        const before = steps[i - 1];
        const kept = before === undefined || before.people === 0 ? null : step.people / before.people;
        return (
          <li key={`${step.name}-${i}`}>
            <Group justify="space-between" mb={4} gap="sm">
              <Text size="sm" fw={550}>{i + 1}. {labels.conversions.get(step.name) ?? humanise(step.name)}</Text>
              <Text size="sm"><b>{formatNumber(step.people)}</b> <span className="dim">people, {formatPercent(step.rate)}</span></Text>
            </Group>
            <div className="funnel-bar"><div style={{ width: `${Math.max(0.4, step.rate * 100)}%` }} /></div>
            {kept !== null && (
              <Text size="xs" c="dimmed" mt={4} className="funnel-note">{formatPercent(kept)} of the step before{step.medianSeconds !== null ? `, typically after ${formatDuration(step.medianSeconds)}` : ''}</Text>
            )}
          </li>
        );
      })}
    </ol>
  );
}

