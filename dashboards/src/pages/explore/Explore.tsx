import { useCallback, useMemo, useState } from 'react';
import { Button, Group, Menu, MultiSelect, SegmentedControl, Select, Text } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearchParams } from 'react-router';
import { api } from '../../api/client';
import { queries } from '../../api/queries';
import type { Visualisation } from '../../api/types';
import { curlOf, decodeState, encodeState, toFunnel, toQuery, type ExploreState } from '../../lib/exploreState';
import { formatNumber, viewerTimeZone } from '../../lib/format';
import { metricLabel } from '../../lib/series';
import { Page, Surface } from '../../ui/basics';
import { FilterEditor, isComplete } from '../../ui/FilterEditor';
import { IconChartBar, IconChartLine, IconCode, IconDeviceFloppy, IconDots, IconDownload, IconFilter, IconNumber123, IconTable, IconTerminal2 } from '../../ui/icons';
import { FunnelView, ReportView, type Pick } from '../../ui/ReportView';
import { useFieldOptions } from '../../ui/useFieldOptions';
import { useLabels } from '../../ui/useLabels';
import { DrillDown, type Drill } from './DrillDown';
import { SaveReport } from './SaveReport';
import { TimeControls } from './TimeControls';

const looks: { value: Visualisation; label: string; icon: typeof IconTable }[] = [
  { value: 'line', label: 'Line', icon: IconChartLine }, { value: 'bar', label: 'Bars', icon: IconChartBar }, { value: 'table', label: 'Table', icon: IconTable },
  { value: 'number', label: 'Number', icon: IconNumber123 }, { value: 'funnel', label: 'Funnel', icon: IconFilter },
];

function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The minute at which the page was opened: "now" for choosing buckets. */
const opened = new Date();

export function Explore() {
  const [params, setParams] = useSearchParams();
  const state = useMemo(() => decodeState(params), [params]);
  const [drill, setDrill] = useState<Drill | null>(null);
  const [saving, setSaving] = useState(false);
  const set = useCallback((patch: Partial<ExploreState>) => setParams(encodeState({ ...state, ...patch }), { replace: false }), [setParams, state]);
  const zone = viewerTimeZone();
  const ready = useMemo(() => ({ ...state, filters: state.filters.filter(isComplete) }), [state]);
  const query = useMemo(() => toQuery(ready, zone, opened), [ready, zone]);
  const funnel = useMemo(() => toFunnel(ready, zone), [ready, zone]);
  const isFunnel = state.visualization === 'funnel';

  const pick = (chosen: Pick) => {
    if (query === null) return;
    setDrill({ query, ...chosen });
  };

  return (
    <Page title="Explore" subtitle="Choose what to measure and how to break it down."
      actions={<><Actions state={ready} zone={zone} /><Button leftSection={<IconDeviceFloppy size={17} />} disabled={query === null} onClick={() => setSaving(true)}>Save report</Button></>}>
      <Surface>
        <Controls state={state} set={set} isFunnel={isFunnel} />
      </Surface>
      <div style={{ height: 16 }} />
      <Surface>
        <Group justify="space-between" mb="md" gap="sm">
          <SegmentedControl size="sm" value={state.visualization} aria-label="Show as" onChange={(v) => set({ visualization: looks.find((l) => l.value === v)?.value ?? 'line' })}
            data={looks.map(({ value, label, icon: Icon }) => ({ value, label: <Group gap={6} wrap="nowrap"><Icon size={16} aria-hidden /><Text span inherit visibleFrom="xs">{label}</Text><Text span hiddenFrom="xs" className="sr-only">{label}</Text></Group> }))} />
          <TimeControls state={state} set={set} zone={zone} now={opened} />
        </Group>
        {state.visualization === 'funnel' ? <FunnelView query={funnel} />
          : query === null ? <Text c="dimmed" py="xl" ta="center">Choose at least one metric.</Text>
            : <ReportView query={query} visualization={state.visualization} height={state.visualization === 'table' ? 520 : 360} onPick={pick} />}
        {query !== null && !isFunnel && <Meta query={query} pickable={state.visualization === 'line' || state.visualization === 'bar'} />}
      </Surface>
      {drill !== null && <DrillDown drill={drill} onClose={() => setDrill(null)} />}
      {saving && <SaveReport report={isFunnel ? { kind: 'funnel', visualization: 'funnel', query: funnel } : query === null ? null : { kind: 'report', visualization: state.visualization, query }} onClose={() => setSaving(false)} />}
    </Page>
  );
}

function Meta({ query, pickable }: { query: NonNullable<ReturnType<typeof toQuery>>; pickable: boolean }) {
  const report = useQuery(queries.report(query));
  const meta = report.data?.meta;
  if (meta === undefined) return <Text size="xs" mt="sm">&nbsp;</Text>;
  return (
    <Text size="xs" c="dimmed" mt="sm">
      {meta.truncated === true && <b>Only the first rows are shown. </b>}
      {Object.entries(meta.misfits ?? {}).filter(([, n]) => n > 0).map(([field, n]) => <b key={field} className="warn">{formatNumber(n)} values of {field} do not fit its type and count as nothing. </b>)}
      {pickable && 'Click a point to see its events. '}
      {meta.rows_read !== undefined && `${formatNumber(meta.rows_read)} events read`}{meta.elapsed_ms !== undefined && ` in ${formatNumber(Math.round(meta.elapsed_ms))} ms`}
    </Text>
  );
}

function Controls({ state, set, isFunnel }: { state: ExploreState; set: (patch: Partial<ExploreState>) => void; isFunnel: boolean }) {
  const fields = useFieldOptions();
  const labels = useLabels();
  const connections = useQuery(queries.connections());
  const conversions = useQuery(queries.conversions());
  const metrics = useMemo(() => {
    const option = (value: string) => ({ value, label: metricLabel(value, labels) });
    const own = fields.find((g) => g.group === 'Fields')?.items ?? [];
    const groups = [{ group: 'Events', items: ['count', 'uniq(event_email)'].map(option) }];
    const made = (conversions.data ?? []).flatMap((c) => [option(`conversion(${c.name})`), ...(c.value_field !== undefined && c.value_field !== '' ? [option(`conversion_value(${c.name})`)] : [])]);
    if (made.length > 0) groups.push({ group: 'Conversions', items: made });
    for (const f of own) {
      const numeric = f.type === 'number' || f.type === 'integer';
      groups.push({ group: f.label, items: (numeric ? ['sum', 'avg', 'median', 'min', 'max', 'p90', 'p95', 'p99'] : ['uniq']).map((fn) => option(`${fn}(${f.value})`)) });
    }
    // What the address asks for stays choosable, even if it is not defined any more.
    const known = new Set(groups.flatMap((g) => g.items.map((i) => i.value)));
    const strangers = state.metrics.filter((m) => !known.has(m)).map(option);
    return strangers.length > 0 ? [...groups, { group: 'Others', items: strangers }] : groups;
  }, [conversions.data, fields, labels, state.metrics]);

  return (
    <>
      {isFunnel ? (
        <div className="query-row">
          <span className="query-label">Steps</span>
          <Group gap={8} className="grow">
            <MultiSelect className="grow" aria-label="Steps, in order" placeholder={state.steps.length === 0 ? 'Conversions in the order in which people reach them' : ''} value={state.steps} onChange={(steps) => set({ steps })} searchable
              data={(conversions.data ?? []).map((c) => ({ value: c.name, label: c.label !== undefined && c.label !== '' ? c.label : c.name }))} nothingFoundMessage="No conversions defined" />
            <Select w={165} aria-label="Window" allowDeselect={false} value={state.window} onChange={(w) => set({ window: w ?? '7d' })} data={[{ value: '1h', label: 'within 1 hour' }, { value: '24h', label: 'within a day' }, { value: '7d', label: 'within 7 days' }, { value: '14d', label: 'within 14 days' }, { value: '30d', label: 'within 30 days' }, { value: '90d', label: 'within 90 days' }]} />
          </Group>
        </div>
      ) : (
        <>
          <div className="query-row">
            <span className="query-label">Measure</span>
            <MultiSelect className="grow" aria-label="Metrics" placeholder={state.metrics.length === 0 ? 'Metrics' : ''} value={state.metrics} onChange={(m) => set({ metrics: m })} data={metrics} searchable maxDropdownHeight={340} />
          </div>
          <div className="query-row">
            <span className="query-label">Break down by</span>
            <MultiSelect className="grow" aria-label="Dimensions" placeholder={state.dimensions.length === 0 ? 'By nothing' : ''} value={state.dimensions} onChange={(d) => set({ dimensions: d })} data={fields} searchable clearable disabled={state.visualization === 'number'} />
          </div>
        </>
      )}
      <div className="query-row">
        <span className="query-label">From</span>
        <MultiSelect className="grow" aria-label="Connections" placeholder={state.connections.length === 0 ? 'All connections' : ''} value={state.connections} onChange={(c) => set({ connections: c })} data={(connections.data ?? []).map((c) => ({ value: c.id, label: c.name }))} searchable clearable />
      </div>
      <div className="query-row">
        <span className="query-label">Where</span>
        <FilterEditor value={state.filters} onChange={(f) => set({ filters: f })} fields={fields} />
      </div>
    </>
  );
}

function Actions({ state, zone }: { state: ExploreState; zone: string }) {
  const clipboard = useClipboard();
  const navigate = useNavigate();
  const query = toQuery(state, zone, new Date());
  const isFunnel = state.visualization === 'funnel';
  const copy = (text: string, what: string) => {
    clipboard.copy(text);
    notifications.show({ message: `${what} copied`, color: 'teal' });
  };
  const fail = (error: unknown) => notifications.show({ color: 'red', title: 'That did not work', message: error instanceof Error ? error.message : String(error) });
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target><Button variant="default" leftSection={<IconDots size={17} />}>Export</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconDownload size={16} />} disabled={isFunnel || query === null} onClick={() => { if (query !== null) api.reports.csv(query).then((blob) => download(blob, 'report.csv'), fail); }}>Download CSV</Menu.Item>
        <Menu.Item leftSection={<IconTerminal2 size={16} />} onClick={() => copy(isFunnel ? curlOf(window.location.origin, '/api/v1/reports/funnel', toFunnel(state, zone)) : curlOf(window.location.origin, '/api/v1/reports/query', query), 'API call')}>Copy as API call</Menu.Item>
        <Menu.Item leftSection={<IconCode size={16} />} disabled={isFunnel || query === null} onClick={() => { if (query !== null) api.reports.sql(query).then(({ sql }) => copy(sql, 'SQL'), fail); }}>Copy as SQL</Menu.Item>
        <Menu.Item leftSection={<IconCode size={16} />} disabled={isFunnel || query === null} onClick={() => { if (query !== null) api.reports.sql(query).then(({ sql }) => void navigate(`/sql?q=${encodeURIComponent(sql)}`), fail); }}>Open as SQL</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
