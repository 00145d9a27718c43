/** Query keys and options in one place, so that what is shared is fetched once. */
import { keepPreviousData, queryOptions, useMutation, useQueryClient, type QueryKey } from '@tanstack/react-query';
import { notifications } from '@mantine/notifications';
import { api } from './client';
import type { FunnelQuery, ReportQuery } from './types';

const second = 1000;

export const queries = {
  connections: () =>
    queryOptions({ queryKey: ['connections'], queryFn: ({ signal }) => api.connections.list(signal), refetchInterval: 5 * second }),
  connection: (id: string) =>
    queryOptions({
      queryKey: ['connections', id],
      queryFn: ({ signal }) => api.connections.get(id, signal),
      // Somebody may be watching for the first event.
      refetchInterval: (query) => (query.state.data?.status === 'awaiting_data' ? second : 5 * second),
    }),
  /** Events an hour of every connection, for sparklines. */
  activity: () =>
    queryOptions({
      queryKey: ['activity'],
      queryFn: ({ signal }) =>
        api.reports.query(
          { metrics: ['count'], dimensions: ['connection_id'], time: { from: '-24h', to: 'now', granularity: 'hour', timezone: 'UTC' }, limit: 10_000 },
          signal,
        ),
      refetchInterval: 60 * second,
      retry: false,
    }),
  requests: (id: string) =>
    queryOptions({ queryKey: ['connections', id, 'requests'], queryFn: ({ signal }) => api.connections.requests(id, 100, signal) }),
  seenFields: (id: string) =>
    queryOptions({ queryKey: ['connections', id, 'fields'], queryFn: ({ signal }) => api.connections.seenFields(id, signal), refetchInterval: 15 * second }),
  fields: () => queryOptions({ queryKey: ['fields'], queryFn: ({ signal }) => api.fields.list(signal) }),
  conversions: () => queryOptions({ queryKey: ['conversions'], queryFn: ({ signal }) => api.conversions.list(signal) }),
  report: (query: ReportQuery) =>
    queryOptions({
      queryKey: ['report', query],
      queryFn: ({ signal }) => api.reports.query(query, signal),
      placeholderData: keepPreviousData,
    }),
  funnel: (query: FunnelQuery) =>
    queryOptions({
      queryKey: ['funnel', query],
      queryFn: ({ signal }) => api.reports.funnel(query, signal),
      placeholderData: keepPreviousData,
    }),
  reports: () => queryOptions({ queryKey: ['reports'], queryFn: ({ signal }) => api.reports.list(signal) }),
  dashboards: () => queryOptions({ queryKey: ['dashboards'], queryFn: ({ signal }) => api.dashboards.list(signal) }),
  dashboard: (slug: string) =>
    queryOptions({ queryKey: ['dashboards', slug], queryFn: ({ signal }) => api.dashboards.get(slug, signal) }),
  shares: (slug: string) =>
    queryOptions({ queryKey: ['dashboards', slug, 'shares'], queryFn: ({ signal }) => api.dashboards.shares(slug, signal) }),
  sqlSchema: () => queryOptions({ queryKey: ['sql-schema'], queryFn: ({ signal }) => api.sql.schema(signal), retry: false }),
  status: () => queryOptions({ queryKey: ['status'], queryFn: ({ signal }) => api.status(signal), refetchInterval: 2 * second }),
  keys: () => queryOptions({ queryKey: ['keys'], queryFn: ({ signal }) => api.keys.list(signal) }),
};

/**
 * A change on the server: what it makes stale is fetched again, a failure is told.
 * Forms that show the failure themselves pass quiet.
 */
export function useChange<Input, Output>(options: {
  change: (input: Input) => Promise<Output>;
  stale: QueryKey[];
  done?: (output: Output, input: Input) => void;
  quiet?: boolean;
}) {
  const client = useQueryClient();
  return useMutation<Output, Error, Input>({
    mutationFn: options.change,
    onSuccess: async (output, input) => {
      options.done?.(output, input);
      await Promise.all(options.stale.map((queryKey) => client.invalidateQueries({ queryKey })));
    },
    onError: (error) => {
      if (options.quiet === true) return;
      notifications.show({ color: 'red', title: 'That did not work', message: error.message, autoClose: 8000 });
    },
  });
}
