import { Alert, Group, SimpleGrid, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import type { Health, Status } from '../../api/types';
import { formatBytes, formatCompact, formatDuration, formatNumber, formatPercent, plural } from '../../lib/format';
import { Ago, Failure, HealthLabel, Page, Stat, Surface } from '../../ui/basics';
import { Sparkline } from '../../ui/Sparkline';

const words: Record<Health, string> = { ok: 'Everything works', degraded: 'Works, but needs a look', down: 'Something does not work' };
const tone = (state: Health): 'warn' | 'bad' | undefined => (state === 'ok' ? undefined : state === 'degraded' ? 'warn' : 'bad');

export function Operate() {
  const status = useQuery(queries.status());
  return (
    <Page title="Operate" subtitle={status.data === undefined ? 'How the server is doing.' : <Group gap="sm"><HealthLabel state={status.data.state}>{words[status.data.state]}</HealthLabel><span>Tributary {status.data.version}, started <Ago time={status.data.started_at} /></span></Group>}>
      {status.error !== null && <Stack mb="md"><Failure error={status.error} retry={() => void status.refetch()} /></Stack>}
      {status.data === undefined && status.error === null && <Stack><Skeleton h={110} radius={12} /><Skeleton h={200} radius={12} /></Stack>}
      {status.data !== undefined && <Loaded status={status.data} />}
    </Page>
  );
}

function Meter({ label, used, total }: { label: string; used: number; total: number }) {
  const share = total === 0 ? 0 : Math.min(1, used / total);
  return <div className="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}><div style={{ width: `${share * 100}%`, background: share > 0.9 ? 'var(--tb-bad)' : undefined }} /></div>;
}

const names: Record<string, string> = { clickhouse: 'ClickHouse', migrations: 'Schema', spool: 'Spool', 'data folder': 'Data folder', 'disk space': 'Disk space' };
/** As many steps as the server keeps: the last ten minutes. */
const steps = 120;

function Loaded({ status }: { status: Status }) {
  const { engine, ingest, spool, refused, disk, storage, checks } = status;
  const history = ingest.history ?? [];
  const shown = [...Array<number>(Math.max(0, steps - history.length)).fill(0), ...history];
  const byStatus = Object.entries(refused.by_status ?? {}).map(([code, n]) => `${code}: ${formatNumber(n)}`).join(', ');
  return (
    <Stack gap="lg">
      <div className="stat-grid">
        <Stat label="Events a second" value={formatNumber(ingest.events_per_second)} note={`${formatNumber(ingest.requests_per_second)} requests a second`} />
        <Stat label="Lag" value={formatDuration(spool.lag_seconds)} tone={tone(spool.state)} note="from received to stored" />
        <Stat label="Refused in the last hour" value={formatNumber(refused.last_hour)} tone={refused.last_hour > 0 ? 'warn' : undefined} note={`${formatNumber(refused.last_day)} in a day${byStatus === '' ? '' : ` (${byStatus})`}`} />
        <Stat label="Received since the start" value={formatCompact(ingest.events_total)} note={`${formatCompact(ingest.requests_total)} requests`} />
      </div>
      {history.length > 0 && (
        <Surface>
          <Group justify="space-between" mb="sm"><Title order={2}>Ingest</Title><Text size="sm" c="dimmed">events a second, the last {formatDuration(shown.length * (ingest.history_step_seconds ?? 1))}</Text></Group>
          <div className="wide-spark"><Sparkline values={shown} width={1100} height={90} label={`Events a second, between ${formatNumber(Math.min(...shown))} and ${formatNumber(Math.max(...shown))}`} /></div>
        </Surface>
      )}
      <SimpleGrid cols={{ base: 1, md: 3 }}>
        <Surface>
          <Group justify="space-between" mb="xs"><Title order={2}>Engine</Title><HealthLabel state={engine.state}>{engine.state === 'ok' ? 'Running' : engine.state === 'down' ? 'Down' : 'Degraded'}</HealthLabel></Group>
          <Text size="sm">{engine.kind === 'embedded' ? 'Embedded ClickHouse' : 'ClickHouse server'} {engine.version}</Text>
          <Text size="sm" c="dimmed">
            {engine.memory_bytes !== undefined && `${formatBytes(engine.memory_bytes)} of memory. `}{engine.restarts !== undefined && engine.restarts > 0 && `Restarted ${formatNumber(engine.restarts)} times. `}{engine.detail}
            {engine.state === 'down' && ' Events go on being taken and wait in the spool.'}
          </Text>
        </Surface>
        <Surface>
          <Group justify="space-between" mb="xs"><Title order={2}>Spool</Title><HealthLabel state={spool.state}>{spool.state === 'ok' ? 'Flowing' : spool.state === 'degraded' ? 'Filling' : 'Full'}</HealthLabel></Group>
          <Text size="sm" mb={6}>{spool.waiting_bytes === 0 ? 'Nothing waits: ClickHouse has everything' : `${formatBytes(spool.waiting_bytes)} wait for ClickHouse`}</Text>
          <Meter label="Spool used" used={spool.bytes} total={spool.limit_bytes} />
          <Text size="sm" c="dimmed" mt={6}>{formatBytes(spool.bytes)} of {formatBytes(spool.limit_bytes)}{spool.damaged_records > 0 && <b className="bad">, {plural(spool.damaged_records, 'damaged record')} put aside</b>}</Text>
        </Surface>
        <Surface>
          <Group justify="space-between" mb="xs"><Title order={2}>Disk</Title><Text size="sm" c="dimmed">{formatPercent(disk.total_bytes === 0 ? 0 : disk.free_bytes / disk.total_bytes)} free</Text></Group>
          <Text size="sm" mb={6}>{storage === undefined ? '' : `${formatCompact(storage.rows)} rows of events in ${formatBytes(storage.bytes_on_disk)}`}</Text>
          <Meter label="Disk used" used={disk.total_bytes - disk.free_bytes} total={disk.total_bytes} />
          <Text size="sm" c="dimmed" mt={6} className="wrap-anywhere">{formatBytes(disk.free_bytes)} free at {disk.path}</Text>
        </Surface>
      </SimpleGrid>
      {checks !== undefined && checks.length > 0 && (
        <Surface pad={false}>
          <Title order={2} px={20} pt={18} pb={8}>What doctor finds</Title>
          <div className="rows">
            {checks.map((c) => (
              <div key={c.name} style={{ padding: '12px 20px' }}>
                <Group justify="space-between" gap="xs"><HealthLabel state={c.state}>{names[c.name] ?? c.name}</HealthLabel><Text size="sm" c="dimmed">{c.message}</Text></Group>
                {c.remedy !== undefined && c.remedy !== '' && c.state !== 'ok' && <Alert mt="xs" variant="light" color="yellow" p="xs">{c.remedy}</Alert>}
              </div>
            ))}
          </div>
        </Surface>
      )}
    </Stack>
  );
}
