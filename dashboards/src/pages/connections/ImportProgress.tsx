import { useEffect, useRef, useState } from 'react';
import { Alert, Button, Group, Progress, SimpleGrid, Stack, Text } from '@mantine/core';
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, api } from '../../api/client';
import type { ImportPlan, ImportStatus } from '../../api/imports';
import { useChange } from '../../api/queries';
import type { Connection } from '../../api/types';
import { saveBlob } from '../../lib/download';
import { formatDuration, formatNumber, formatPercent } from '../../lib/format';
import { pace, share } from '../../lib/importPlan';
import { Failure, SkeletonRows, Stat, Surface } from '../../ui/basics';
import { IconDownload } from '../../ui/icons';
import { ImportState } from './ImportState';

/** Sends a file, if there is one to send, and shows how far its import is. */
export function ImportProgress({ connection, id, sending, onOver }: {
  connection: Connection; id: string; sending: { file: File; plan: ImportPlan } | null; onOver: () => void;
}) {
  const client = useQueryClient();
  const [attempt, setAttempt] = useState(0);
  const [sent, setSent] = useState<{ attempt: number; error: Error | null } | null>(null);
  const uploading = sending !== null && sent?.attempt !== attempt;
  useEffect(() => {
    if (sending === null) return undefined;
    const stop = new AbortController();
    api.imports.run(connection.id, sending.file, sending.plan, id, stop.signal).then(
      () => setSent({ attempt, error: null }),
      (error: unknown) => { if (!stop.signal.aborted) setSent({ attempt, error: error instanceof Error ? error : new Error(String(error)) }); },
    ).finally(() => void client.invalidateQueries({ queryKey: ['connections', connection.id] }));
    return () => stop.abort();
  }, [attempt, client, connection.id, id, sending]);

  const look = useQuery(queryOptions({
    queryKey: ['connections', connection.id, 'import', id],
    queryFn: ({ signal }) => api.imports.get(connection.id, id, signal),
    refetchInterval: (query) => (uploading || query.state.data?.state === 'running' ? 500 : false),
    // It is not there until the server has begun with it.
    retry: (count, error) => uploading && error instanceof ApiError && error.status === 404 && count < 20,
    retryDelay: 250,
  }));
  const speed = useSpeed(look.data);
  const failure = sent?.attempt === attempt ? sent.error : null;
  const told = failure instanceof ApiError && look.data?.message !== undefined; // the import says it itself
  return (
    <Stack>
      {failure !== null && !told && <Failure error={failure} title="The file was not sent to its end" />}
      {look.data === undefined && failure === null && (look.error === null || uploading ? <Surface pad={false}><SkeletonRows count={2} /></Surface> : <Failure error={look.error} />)}
      {look.data !== undefined && <Shown status={look.data} uploading={uploading} speed={speed} connection={connection} />}
      <Group>
        {look.data !== undefined && look.data.state !== 'done' && !uploading && sending !== null && <Button onClick={() => setAttempt(attempt + 1)}>Send the file again</Button>}
        <Button variant="default" onClick={onOver}>{uploading ? 'Stop' : 'Another file'}</Button>
      </Group>
    </Stack>
  );
}

/** Rows a second and seconds left since this page began to look. */
function useSpeed(status: ImportStatus | undefined): { rate: number; left: number | null } {
  const began = useRef<{ at: number; rows: number; bytes: number } | null>(null);
  const [speed, setSpeed] = useState<{ rate: number; left: number | null }>({ rate: 0, left: null });
  useEffect(() => {
    if (status === undefined) return;
    const now = { at: Date.now(), rows: status.rows, bytes: status.bytes };
    began.current ??= now;
    setSpeed(pace(began.current, now, status.size));
  }, [status]);
  return speed;
}

function Shown({ status, uploading, speed, connection }: {
  status: ImportStatus; uploading: boolean; speed: { rate: number; left: number | null }; connection: Connection;
}) {
  const running = uploading || status.state === 'running';
  const part = share(status);
  const refused = useChange({
    change: () => api.imports.refused(connection.id, status.id),
    stale: [],
    done: (blob) => saveBlob(blob, `${status.name.replace(/(\.(csv|tsv|txt|ndjson|jsonl|json|parquet))?(\.gz)?$/i, '')}.refused.${status.plan.format === 'csv' ? 'csv' : 'ndjson'}`),
  });
  return (
    <Stack>
      <Surface>
        <Stack gap="sm">
          <Group justify="space-between"><Text fw={600}>{status.name}</Text><ImportState state={uploading ? 'running' : status.state} /></Group>
          <Progress value={part * 100} aria-label="Progress of the import" animated={running} color={status.state === 'failed' ? 'red' : undefined} />
          <Text size="sm" c="dimmed" role="status">
            {formatPercent(part)}
            {running && speed.rate > 0 && ` · ${formatNumber(Math.round(speed.rate))} rows a second`}
            {running && speed.left !== null && ` · ${formatDuration(speed.left)} left`}
            {status.resumed > 0 && ` · went on behind row ${formatNumber(status.resumed)}`}
          </Text>
        </Stack>
      </Surface>
      {status.message !== undefined && !running && <Alert color={status.state === 'failed' ? 'red' : 'yellow'} variant="light" role="alert" title={status.state === 'failed' ? 'The import has failed' : 'The import was interrupted'}>{status.message}</Alert>}
      <SimpleGrid cols={{ base: 2, md: 4 }}>
        <Stat label="Rows" value={formatNumber(status.rows)} />
        <Stat label="Accepted" value={formatNumber(status.accepted)} />
        <Stat label="Refused" value={formatNumber(status.refused)} {...(status.refused > 0 ? { tone: 'warn' as const } : {})} />
        <Stat label="Warnings" value={formatNumber(status.warnings)} />
      </SimpleGrid>
      {status.samples.length > 0 && (
        <Surface pad={false}>
          <div className="table-scroll">
            <table className="table" aria-label="Refused rows and warnings">
              <thead><tr><th>Row</th><th>What is wrong</th></tr></thead>
              <tbody>{status.samples.map((s, i) => <tr key={i}><td className="nowrap">{formatNumber(s.row)}</td><td className="wrap-anywhere">{s.warning ? 'Warning: ' : ''}{s.message}</td></tr>)}</tbody>
            </table>
          </div>
        </Surface>
      )}
      {status.refused > 0 && !running && (
        <Group>
          <Button variant="light" leftSection={<IconDownload size={17} />} loading={refused.isPending} onClick={() => refused.mutate(undefined)}>Download refused rows</Button>
          <Text size="sm" c="dimmed">Each with its reason before it. Mend them and import that file.</Text>
        </Group>
      )}
    </Stack>
  );
}
