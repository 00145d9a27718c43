import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { SavedReport } from '../../api/types';
import { lookOf } from '../../lib/exploreState';
import { Failure } from '../../ui/basics';
import { FunnelBars, ResultView } from '../../ui/ReportView';

export interface Range {
  /** Empty = each report's own range. */
  from: string;
  to: string;
}

/** A saved report's data, which works for a shared link as well. */
export function ReportPanel({ report, range, refreshMs }: { report: SavedReport; range: Range; refreshMs: number | false }) {
  const data = useQuery({
    queryKey: ['report-data', report.slug, report.version, range],
    queryFn: ({ signal }) => api.reports.data(report.slug, range.from === '' ? {} : range, signal),
    refetchInterval: refreshMs,
    placeholderData: (before) => before,
  });
  if (data.error !== null && data.data === undefined) return <Failure error={data.error} retry={() => void data.refetch()} />;
  if (data.data === undefined) return <Skeleton h="100%" mih={60} radius={10} role="img" aria-label="Loading" />;
  if (report.kind === 'funnel') return <FunnelBars result={data.data} />;
  const { metrics, time } = report.query;
  return <ResultView result={data.data} metrics={metrics} visualization={lookOf(report)} granularity={time.granularity} timezone={time.timezone} height="100%" />;
}
