import { useMemo } from 'react';
import { Button, CloseButton, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { queries } from '../../api/queries';
import type { Connection, ReportResult } from '../../api/types';
import { useMay } from '../../app/session';
import { formatCompact, formatNumber, plural } from '../../lib/format';
import { hourlyCounts } from '../../lib/activity';
import { Ago, Empty, Failure, Page, SkeletonRows, StatusLabel, Surface, useNow } from '../../ui/basics';
import { IconPlugConnected, IconPlus, IconSearch } from '../../ui/icons';
import { Sparkline } from '../../ui/Sparkline';

export function ConnectionList() {
  const may = useMay();
  const [params, setParams] = useSearchParams();
  const search = params.get('q') ?? '';
  const connections = useQuery(queries.connections());
  const activity = useQuery(queries.activity());

  const setSearch = (text: string) => setParams(text === '' ? {} : { q: text }, { replace: true });
  const found = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return (connections.data ?? []).filter((c) =>
      wanted === '' || [c.name, c.event_source, c.event_object].some((text) => text.toLowerCase().includes(wanted)));
  }, [connections.data, search]);

  const create = may.manage && (
    <Button component={Link} to="/connections/new" leftSection={<IconPlus size={17} />}>Create connection</Button>
  );
  const empty = connections.data?.length === 0;

  return (
    <Page title="Connections" subtitle="Every system that sends events has one." actions={empty ? undefined : create}>
      {connections.error !== null && <Failure error={connections.error} retry={() => void connections.refetch()} />}
      {(connections.data?.length ?? 0) > 1 || search !== '' ? (
        <TextInput mb="md" maw={360} value={search} onChange={(e) => setSearch(e.currentTarget.value)} aria-label="Search connections"
          placeholder="Search by name, source or object" leftSection={<IconSearch size={16} />}
          rightSection={search === '' ? null : <CloseButton size="sm" aria-label="Clear search" onClick={() => setSearch('')} />} />
      ) : null}
      <Surface pad={false}>
        {connections.isPending && <SkeletonRows />}
        {empty && (
          <Empty icon={<IconPlugConnected size={40} stroke={1.3} />} title="No connections yet" action={create}>
            A connection is an address that your system posts events to. {may.manage ? 'Create one, copy its URL, and the first event shows up here within a second.' : 'An administrator can create one.'}
          </Empty>
        )}
        {connections.data !== undefined && !empty && found.length === 0 && (
          <Empty title={`Nothing matches “${search}”`} action={<Button variant="default" onClick={() => setSearch('')}>Show all</Button>} />
        )}
        {found.length > 0 && (
          <ul className="rows" style={{ listStyle: 'none', margin: 0, padding: 0 }} aria-label="Connections">
            {found.map((c) => <li key={c.id}><Row connection={c} activity={activity.data} /></li>)}
          </ul>
        )}
      </Surface>
    </Page>
  );
}

function Row({ connection: c, activity }: { connection: Connection; activity: ReportResult | undefined }) {
  const now = useNow(60_000);
  const counts = hourlyCounts(activity, c.id, now, 24);
  const sum = counts.reduce((a, b) => a + b, 0);
  return (
    <Link className="row-link connection-row" to={`/connections/${c.id}`}>
      <span className="ellipsis">
        <span style={{ fontWeight: 600, display: 'block' }} className="ellipsis">{c.name}</span>
        <span className="dim ellipsis" style={{ fontSize: '0.84rem' }}>{c.event_source} · {c.event_object}</span>
      </span>
      <StatusLabel status={c.status} />
      <span className="optional tnum" title={formatNumber(c.events_received)}>{formatCompact(c.events_received)} <span className="dim">events</span></span>
      <span className="optional dim" style={{ fontSize: '0.86rem' }}><Ago time={c.last_event_at} none="no event yet" /></span>
      <span className="optional">{activity !== undefined && <Sparkline values={counts} label={`${plural(sum, 'event')} in the last 24 hours`} />}</span>
    </Link>
  );
}
