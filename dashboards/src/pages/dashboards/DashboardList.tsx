import { useState } from 'react';
import { Button, Group, SimpleGrid, Skeleton, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from 'react-router';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import { useMay } from '../../app/session';
import { plural, slugify } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Empty, Failure, Page, StatusLabel, Surface } from '../../ui/basics';
import { IconLayoutDashboard, IconPlus } from '../../ui/icons';

export function DashboardList() {
  const may = useMay();
  const dashboards = useQuery(queries.dashboards());
  const connections = useQuery({ ...queries.connections(), enabled: may.analyse });
  const [creating, setCreating] = useState(false);
  return (
    <Page title="Dashboards" subtitle="Saved reports side by side." actions={may.analyse ? <Button leftSection={<IconPlus size={17} />} onClick={() => setCreating(true)}>New dashboard</Button> : undefined}>
      {dashboards.error !== null && <Failure error={dashboards.error} retry={() => void dashboards.refetch()} />}
      {dashboards.isPending && <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>{[0, 1, 2].map((i) => <Skeleton key={i} h={92} radius={12} />)}</SimpleGrid>}
      {dashboards.data?.length === 0 && (
        <Surface><Empty icon={<IconLayoutDashboard size={38} stroke={1.3} />} title="No dashboards of your own yet">{may.analyse ? <>Save a report in <Link to="/explore">Explore</Link> and put it on one{(connections.data?.length ?? 0) > 0 ? ', or start from a ready one below.' : '.'}</> : 'Somebody with the role analyst can make one.'}</Empty></Surface>
      )}
      {dashboards.data !== undefined && dashboards.data.length > 0 && (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
          {dashboards.data.map((d) => (
            <Link key={d.slug} to={`/dashboards/${d.slug}`} className="surface surface-pad card-link">
              <Text fw={620}>{d.name}</Text>
              <Text size="sm" c="dimmed">{d.description !== undefined && d.description !== '' ? d.description : plural(d.panels.length, 'panel')}</Text>
            </Link>
          ))}
        </SimpleGrid>
      )}
      {(connections.data?.length ?? 0) > 0 && (
        <>
          <Title order={2} mt="xl" mb="sm">Ready for every connection</Title>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
            {connections.data?.map((c) => (
              <Link key={c.id} to={`/dashboards/connection/${c.id}`} className="surface surface-pad card-link">
                <Group justify="space-between" wrap="nowrap"><Text fw={620} truncate>{c.name}</Text><StatusLabel status={c.status} /></Group>
                <Text size="sm" c="dimmed">{c.event_source} · {c.event_object}</Text>
              </Link>
            ))}
          </SimpleGrid>
        </>
      )}
      {creating && <NewDashboard onClose={() => setCreating(false)} />}
    </Page>
  );
}

function NewDashboard({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const navigate = useNavigate();
  const slug = slugify(name);
  const create = useChange({ change: () => api.dashboards.put({ slug, name: name.trim(), panels: [] }), stale: [['dashboards']], quiet: true, done: () => void navigate(`/dashboards/${slug}?edit=1`) });
  return (
    <Dialog onClose={onClose} title="New dashboard">
      <form onSubmit={(e) => { e.preventDefault(); create.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} required withAsterisk={false} data-autofocus />
          {create.error !== null && <Failure error={create.error} />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" disabled={slug === ''} loading={create.isPending}>Create</Button></Group>
        </Stack>
      </form>
    </Dialog>
  );
}
