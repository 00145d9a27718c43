import { Accordion, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { Filter, ReportQuery } from '../../api/types';
import { formatDateTime, formatShortDateTime, parseTime } from '../../lib/format';
import { cellText, timeLabel } from '../../lib/series';
import { SideSheet } from '../../ui/Dialog';
import { Empty, Failure } from '../../ui/basics';
import { JsonTree } from '../../ui/JsonTree';
import type { Pick } from '../../ui/ReportView';

export interface Drill extends Pick {
  query: ReportQuery;
}

export interface DrillQuestion {
  time: ReportQuery['time'];
  filters: Filter[];
  connections: string[];
}

/** The question for the events behind one point of a report. */
export function drillQuery({ query, key, nextKey, group }: Drill): DrillQuestion {
  const timed = query.time.granularity !== undefined;
  const values = timed ? group : [key, ...group];
  const filters: Filter[] = (query.dimensions ?? []).map((field, i) => {
    const value = values[i] ?? null;
    return value === null || typeof value === 'object' ? { field, op: 'is_not_set', values: [] } : { field, op: 'eq', values: [value] };
  });
  const { timezone } = query.time;
  const time = timed && typeof key === 'string'
    ? { from: key, to: typeof nextKey === 'string' ? nextKey : query.time.to, timezone }
    : { from: query.time.from, to: query.time.to, timezone };
  return { time, filters: [...(query.filters ?? []), ...filters], connections: query.connections ?? [] };
}

export function DrillDown({ drill, onClose }: { drill: Drill; onClose: () => void }) {
  const question = drillQuery(drill);
  const events = useQuery({ queryKey: ['drill', question], queryFn: ({ signal }) => api.reports.events({ ...question, limit: 100 }, signal) });
  const { granularity, timezone } = drill.query.time;
  const heading = [granularity !== undefined ? timeLabel(cellText(drill.key), granularity, timezone) : cellText(drill.key), ...drill.group.map(cellText)].join(' · ');
  return (
    <SideSheet onClose={onClose} position="right" size="lg" title={<Text fw={620}>Events: {heading}</Text>}>
      {events.error !== null && <Failure error={events.error} retry={() => void events.refetch()} />}
      {events.isPending && <Stack>{[0, 1, 2, 3].map((i) => <Skeleton key={i} h={44} />)}</Stack>}
      {events.data?.data.length === 0 && <Empty title="No events here" />}
      <Accordion variant="separated" chevronPosition="left">
        {events.data?.data.map((e) => {
          const at = parseTime(e.event_timestamp);
          return (
            <Accordion.Item key={`${e.connection_id ?? ''}/${e.event_id}`} value={`${e.connection_id ?? ''}/${e.event_id}`}>
              <Accordion.Control>
                <Text size="sm" fw={550} truncate>{e.event_email ?? 'anonymous'}</Text>
                <Text size="xs" c="dimmed" title={at === null ? undefined : formatDateTime(at)}>{at === null ? e.event_timestamp : formatShortDateTime(at)}{e.connection === undefined ? '' : ` · ${e.connection}`} · {e.event_id}</Text>
              </Accordion.Control>
              <Accordion.Panel><JsonTree value={e.event_payload ?? {}} /></Accordion.Panel>
            </Accordion.Item>
          );
        })}
      </Accordion>
      {events.data !== undefined && events.data.data.length >= 100 && <Text size="xs" c="dimmed" mt="sm">The newest 100 are shown.</Text>}
    </SideSheet>
  );
}
