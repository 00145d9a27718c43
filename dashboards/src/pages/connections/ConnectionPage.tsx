import { Suspense, lazy } from 'react';
import { Button, Group, Skeleton, Stack, Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError } from '../../api/client';
import { queries } from '../../api/queries';
import type { Connection } from '../../api/types';
import { useMay } from '../../app/session';
import { Empty, Failure, Page, StatusLabel } from '../../ui/basics';
import { IconLayoutDashboard } from '../../ui/icons';
import { ExportMenu } from './ExportMenu';
import { Overview } from './Overview';

const Live = lazy(async () => ({ default: (await import('./Live')).Live }));
const Fields = lazy(async () => ({ default: (await import('./Fields')).Fields }));
const Import = lazy(async () => ({ default: (await import('./Import')).Import }));
const Settings = lazy(async () => ({ default: (await import('./Settings')).Settings }));

const tabs = ['overview', 'live', 'fields', 'import', 'settings'] as const;
type Tab = (typeof tabs)[number];
const isTab = (text: string): text is Tab => (tabs as readonly string[]).includes(text);

export function ConnectionPage() {
  const { id = '', tab = 'overview' } = useParams();
  const connection = useQuery(queries.connection(id));
  if (connection.error !== null && connection.data === undefined) {
    const gone = connection.error instanceof ApiError && connection.error.status === 404;
    return (
      <Page title="Connection" back={{ to: '/connections', label: 'Connections' }}>
        {gone
          ? <Empty title="This connection does not exist" action={<Button component={Link} to="/connections">All connections</Button>}>It was deleted, or the link is incomplete.</Empty>
          : <Failure error={connection.error} retry={() => void connection.refetch()} />}
      </Page>
    );
  }
  if (connection.data === undefined) {
    return <Page title="Connection"><Stack><Skeleton h={36} w={360} /><Skeleton h={220} radius={12} /></Stack></Page>;
  }
  return <Loaded connection={connection.data} tab={isTab(tab) ? tab : 'overview'} />;
}

function Loaded({ connection, tab }: { connection: Connection; tab: Tab }) {
  const navigate = useNavigate();
  const may = useMay();
  return (
    <Page
      title={connection.name}
      back={{ to: '/connections', label: 'Connections' }}
      subtitle={<Group gap="sm"><StatusLabel status={connection.status} /><span>{connection.event_source} · {connection.event_object}</span></Group>}
      actions={connection.events_received > 0
        ? (
          <>
            <ExportMenu connection={connection} />
            <Button component={Link} variant="default" to={`/dashboards/connection/${connection.id}`} leftSection={<IconLayoutDashboard size={17} />}>Dashboard</Button>
          </>
        )
        : undefined}
    >
      <Tabs value={tab} onChange={(next) => void navigate(next === 'overview' || next === null ? `/connections/${connection.id}` : `/connections/${connection.id}/${next}`)} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="live">Live</Tabs.Tab>
          <Tabs.Tab value="fields">Fields</Tabs.Tab>
          {may.manage && <Tabs.Tab value="import">Import</Tabs.Tab>}
          {may.manage && <Tabs.Tab value="settings">Settings</Tabs.Tab>}
        </Tabs.List>
        <Suspense fallback={<Skeleton h={240} radius={12} />}>
          <Tabs.Panel value="overview"><Overview connection={connection} /></Tabs.Panel>
          <Tabs.Panel value="live"><Live connection={connection} /></Tabs.Panel>
          <Tabs.Panel value="fields"><Fields connection={connection} /></Tabs.Panel>
          {may.manage && <Tabs.Panel value="import"><Import connection={connection} /></Tabs.Panel>}
          {may.manage && <Tabs.Panel value="settings"><Settings connection={connection} /></Tabs.Panel>}
        </Suspense>
      </Tabs>
    </Page>
  );
}
