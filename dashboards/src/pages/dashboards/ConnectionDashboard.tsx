import { useMemo, useRef } from 'react';
import { Button, Menu, Skeleton, Stack } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import type { Connection } from '../../api/types';
import { readyBoard } from '../../lib/boards';
import { encodeState, fromReport } from '../../lib/exploreState';
import { slugify, viewerTimeZone } from '../../lib/format';
import { Empty, Failure, Page } from '../../ui/basics';
import { IconChartLine, IconDeviceFloppy } from '../../ui/icons';
import { ReportView } from '../../ui/ReportView';
import { Board } from './Board';
import { FullScreenButton, RangeSelect, RefreshButton } from './Toolbar';

/** The ready dashboard of a connection; it grows with the fields that are defined. */
export function ConnectionDashboard() {
  const { id = '' } = useParams();
  const connection = useQuery(queries.connection(id));
  if (connection.error !== null && connection.data === undefined) return <Page title="Dashboard"><Failure error={connection.error} retry={() => void connection.refetch()} /></Page>;
  if (connection.data === undefined) return <Page title="Dashboard"><Stack><Skeleton h={176} radius={12} /><Skeleton h={330} radius={12} /></Stack></Page>;
  return <Ready connection={connection.data} />;
}

function Ready({ connection }: { connection: Connection }) {
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const from = params.get('from') ?? '-30d';
  const board = useRef<HTMLDivElement>(null);
  const fields = useQuery(queries.fields());
  const conversions = useQuery(queries.conversions());
  const ready = fields.data !== undefined && conversions.data !== undefined;
  // Nothing else of the connection: its count of events changes all the time.
  const { id } = connection;
  const panels = useMemo(
    () => (fields.data === undefined || conversions.data === undefined ? [] : readyBoard({ id }, fields.data, conversions.data, viewerTimeZone(), from)),
    [id, fields.data, conversions.data, from],
  );
  const save = useChange({
    change: async () => {
      const slug = slugify(connection.name);
      const named = panels.map((p) => ({ ...p, slug: slugify(`${connection.name} ${p.report.title}`) }));
      await Promise.all(named.map((p) => api.reports.put({ ...p.report, slug: p.slug })));
      return api.dashboards.put({ slug, name: connection.name, panels: named.map((p) => ({ ...p.panel, report: p.slug })) });
    },
    stale: [['reports'], ['dashboards']],
    done: (saved) => {
      notifications.show({ color: 'teal', message: 'Saved as a dashboard of its own: arrange and share it as you like' });
      void navigate(`/dashboards/${saved.slug}`);
    },
  });
  return (
    <Page wide title={connection.name} subtitle={<>The ready dashboard of <Link to={`/connections/${connection.id}`}>this connection</Link>. It grows with the fields you define.</>} back={{ to: '/dashboards', label: 'Dashboards' }}
      actions={<><RangeSelect value={from} own={false} onChange={(v) => setParams(v === '-30d' ? {} : { from: v }, { replace: true })} /><RefreshButton /><FullScreenButton target={board} /><Button variant="default" leftSection={<IconDeviceFloppy size={17} />} loading={save.isPending} disabled={!ready} onClick={() => save.mutate(undefined)}>Save a copy</Button></>}>
      {(fields.error ?? conversions.error) !== null && <Failure error={fields.error ?? conversions.error ?? new Error('Unknown')} />}
      {connection.events_received === 0 ? <Empty title="No events yet">The first event already gives a picture here.</Empty> : !ready ? <Skeleton h={330} radius={12} /> : (
        <Board ref={board} panels={panels.map(({ panel, report }) => ({
          panel, report,
          menu: <Menu.Item leftSection={<IconChartLine size={15} />} component={Link} to={`/explore?${encodeState(fromReport(report)).toString()}`}>Open in Explore</Menu.Item>,
          body: <ReportView query={report.query} visualization={report.visualization} height="100%" />,
        }))} />
      )}
    </Page>
  );
}
