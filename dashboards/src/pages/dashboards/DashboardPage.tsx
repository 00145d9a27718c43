import { useRef, useState } from 'react';
import { ActionIcon, Button, Group, Menu, Modal, Select, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { ApiError, api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import type { Dashboard, Panel, SavedReport } from '../../api/types';
import { useMay } from '../../app/session';
import { newPanel } from '../../lib/boards';
import { encodeState, fromReport, lookOf } from '../../lib/exploreState';
import { Empty, Failure, Page } from '../../ui/basics';
import { IconChartLine, IconDots, IconLayoutDashboard, IconPencil, IconShare, IconTrash } from '../../ui/icons';
import { Board } from './Board';
import { ReportPanel } from './ReportPanel';
import { Share } from './Share';
import { FullScreenButton, RangeSelect, RefreshButton } from './Toolbar';

const refreshMs = 60_000;

export function DashboardPage() {
  const { slug = '' } = useParams();
  const dashboard = useQuery(queries.dashboard(slug));
  const back = { to: '/dashboards', label: 'Dashboards' };
  if (dashboard.error !== null) {
    const gone = dashboard.error instanceof ApiError && dashboard.error.status === 404;
    return <Page title="Dashboard" back={back}>{gone ? <Empty title="This dashboard does not exist">It was deleted, or the link is incomplete.</Empty> : <Failure error={dashboard.error} retry={() => void dashboard.refetch()} />}</Page>;
  }
  if (dashboard.data === undefined) return <Page title="Dashboard" back={back}><Stack><Skeleton h={176} radius={12} /><Skeleton h={330} radius={12} /></Stack></Page>;
  return <Loaded key={slug} dashboard={dashboard.data} />;
}

function Loaded({ dashboard }: { dashboard: Dashboard }) {
  const may = useMay();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const editing = may.analyse && params.get('edit') === '1';
  const from = params.get('from') ?? '';
  const [draft, setDraft] = useState<Panel[]>(dashboard.panels);
  const [name, setName] = useState(dashboard.name);
  const [sharing, setSharing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const board = useRef<HTMLDivElement>(null);
  const reports = useQuery({ ...queries.reports(), enabled: editing });
  const known = new Map<string, SavedReport>([...(dashboard.reports ?? []), ...(reports.data ?? [])].map((r) => [r.slug, r]));
  const panels = editing ? draft : dashboard.panels;

  const set = (key: string, value: string) => {
    const next = new URLSearchParams(params);
    if (value === '') next.delete(key);
    else next.set(key, value);
    setParams(next, { replace: true });
  };
  const edit = () => {
    setDraft(dashboard.panels);
    setName(dashboard.name);
    set('edit', '1');
  };
  const save = useChange({ change: () => api.dashboards.put({ ...dashboard, name: name.trim(), panels: draft }), stale: [['dashboards']], done: () => set('edit', '') });
  const remove = useChange({ change: () => api.dashboards.remove(dashboard.slug), stale: [['dashboards']], done: () => void navigate('/dashboards') });
  const unused = (reports.data ?? []).filter((r) => !draft.some((p) => p.report === r.slug));

  const actions = editing ? (
    <>
      <Select w={210} placeholder="Add a report" aria-label="Add a report" searchable value={null} nothingFoundMessage="All reports are here" data={unused.map((r) => ({ value: r.slug, label: r.title }))}
        onChange={(slug) => { const report = unused.find((r) => r.slug === slug); if (report !== undefined) setDraft([...draft, newPanel(report.slug, lookOf(report))]); }} />
      <Button variant="default" onClick={() => set('edit', '')}>Cancel</Button>
      <Button loading={save.isPending} disabled={name.trim() === ''} onClick={() => save.mutate(undefined)}>Save</Button>
    </>
  ) : (
    <>
      <RangeSelect value={from} own onChange={(v) => set('from', v)} />
      <RefreshButton />
      <FullScreenButton target={board} />
      {may.analyse && (
        <Menu position="bottom-end">
          <Menu.Target><ActionIcon variant="default" size={36} aria-label="More"><IconDots size={18} /></ActionIcon></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={edit}>Arrange</Menu.Item>
            <Menu.Item leftSection={<IconShare size={16} />} onClick={() => setSharing(true)}>Share</Menu.Item>
            <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)}>Delete</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  );

  return (
    <Page wide title={dashboard.name} subtitle={dashboard.description} back={{ to: '/dashboards', label: 'Dashboards' }} actions={actions}>
      {editing && <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} maw={360} mb="md" />}
      {panels.length === 0 && (
        <Empty icon={<IconLayoutDashboard size={38} stroke={1.3} />} title="Nothing on it yet" action={editing || !may.analyse ? undefined : <Button onClick={edit}>Add reports</Button>}>
          {editing ? 'Choose a report above.' : <>Save a report in <Link to="/explore">Explore</Link>, then add it here.</>}
        </Empty>
      )}
      <Board ref={board} editing={editing} onChange={setDraft} panels={panels.map((panel) => {
        const report = known.get(panel.report);
        return {
          panel, report,
          body: report === undefined ? null : <ReportPanel report={report} range={{ from, to: from === '' ? '' : 'now' }} refreshMs={editing ? false : refreshMs} />,
          menu: report !== undefined && may.analyse ? <Menu.Item leftSection={<IconChartLine size={15} />} component={Link} to={`/explore?${encodeState(fromReport(report)).toString()}`}>Open in Explore</Menu.Item> : undefined,
        };
      })} />
      {sharing && <Share slug={dashboard.slug} onClose={() => setSharing(false)} />}
      <Modal opened={deleting} onClose={() => setDeleting(false)} title={`Delete “${dashboard.name}”?`}>
        <Text size="sm" mb="md">Its reports stay. Links that were shared stop working.</Text>
        <Group justify="flex-end"><Button variant="default" onClick={() => setDeleting(false)}>Keep it</Button><Button color="red" loading={remove.isPending} onClick={() => remove.mutate(undefined)}>Delete</Button></Group>
      </Modal>
    </Page>
  );
}
