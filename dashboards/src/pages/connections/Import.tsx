import { useEffect, useState } from 'react';
import { Alert, Button, FileButton, Group, Stack, Text } from '@mantine/core';
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { api } from '../../api/client';
import type { ImportPlan } from '../../api/imports';
import type { Connection } from '../../api/types';
import { formatBytes, formatNumber } from '../../lib/format';
import { importId } from '../../lib/importPlan';
import { Ago, Failure, SkeletonRows, Surface } from '../../ui/basics';
import { IconInbox } from '../../ui/icons';
import { ImportMapping } from './ImportMapping';
import { ImportProgress } from './ImportProgress';
import { ImportState } from './ImportState';

/** A file with the number of its choice: the same file chosen again is read again. */
interface Chosen {
  file: File;
  number: number;
}

/**
 * Takes a file in: choose, look at what its columns become, watch. The import that is
 * watched is in the address, so that its page can be opened again.
 */
export function Import({ connection }: { connection: Connection }) {
  const [params, setParams] = useSearchParams();
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [sending, setSending] = useState<{ file: File; plan: ImportPlan } | null>(null);
  const watched = params.get('import');
  const choose = (file: File | null) => {
    if (file === null) return;
    setChosen((before) => ({ file, number: (before?.number ?? 0) + 1 }));
    setSending(null);
    setParams({}, { replace: true });
  };
  const start = async (file: File, plan: ImportPlan) => {
    const id = importId(connection.id, file, await file.slice(0, 4096).text(), plan);
    setSending({ file, plan });
    setParams({ import: id });
  };
  const over = () => {
    setChosen(null);
    setSending(null);
    setParams({});
  };
  if (watched !== null) return <ImportProgress key={watched} connection={connection} id={watched} sending={sending} onOver={over} />;
  if (chosen !== null) return <Preview key={chosen.number} connection={connection} file={chosen.file} onChoose={choose} onStart={(plan) => void start(chosen.file, plan)} onCancel={over} />;
  return (
    <Stack>
      <Text size="sm" c="dimmed" maw={640}>
        CSV from any spreadsheet, NDJSON or Parquet, of any size, packed with gzip or not. Every row becomes an event under the rules of the webhook; the same
        file again changes nothing.
      </Text>
      <DropArea onChoose={choose} />
      <Earlier connection={connection} onOpen={(id) => setParams({ import: id })} />
    </Stack>
  );
}

/** Takes a file that is dropped anywhere on the page, or chosen. */
function DropArea({ onChoose }: { onChoose: (file: File | null) => void }) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const drag = (event: DragEvent) => {
      event.preventDefault(); // the browser would open the file instead
      setOver(event.type === 'dragover');
      if (event.type === 'drop') onChoose(event.dataTransfer?.files[0] ?? null);
    };
    const kinds = ['dragover', 'dragleave', 'drop'] as const;
    for (const kind of kinds) window.addEventListener(kind, drag);
    return () => {
      for (const kind of kinds) window.removeEventListener(kind, drag);
    };
  }, [onChoose]);
  return (
    <div className="surface surface-pad" style={{ borderStyle: 'dashed', borderColor: over ? 'var(--mantine-primary-color-filled)' : undefined }}>
      <Stack align="center" gap="sm" py={40}>
        <Text c="dimmed" component="div" aria-hidden><IconInbox size={40} stroke={1.3} /></Text>
        <Text fw={600}>Drop a file here</Text>
        <FileButton onChange={onChoose} accept=".csv,.tsv,.txt,.ndjson,.jsonl,.json,.parquet,.gz" inputProps={{ 'aria-label': 'File to import' }}>
          {(props) => <Button {...props} variant="default">Choose a file</Button>}
        </FileButton>
      </Stack>
    </div>
  );
}

function Preview({ connection, file, onChoose, onStart, onCancel }: {
  connection: Connection; file: File; onChoose: (file: File | null) => void; onStart: (plan: ImportPlan) => void; onCancel: () => void;
}) {
  const [plan, setPlan] = useState<ImportPlan>({ timezone: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const preview = useQuery(queryOptions({
    queryKey: ['import-preview', connection.id, file.name, file.size, file.lastModified, plan],
    queryFn: ({ signal }) => api.imports.preview(connection.id, file, plan, signal),
    placeholderData: keepPreviousData, retry: false, staleTime: Infinity, refetchOnWindowFocus: false,
  }));
  return (
    <Stack>
      <Group justify="space-between">
        <div><Text fw={600}>{file.name}</Text><Text size="sm" c="dimmed">{formatBytes(file.size)}</Text></div>
        <Group gap="sm">
          <FileButton onChange={onChoose}>{(props) => <Button {...props} variant="default">Another file</Button>}</FileButton>
          <Button variant="default" onClick={onCancel}>Cancel</Button>
        </Group>
      </Group>
      {preview.error !== null && <Failure error={preview.error} title="This does not work" retry={() => void preview.refetch()} />}
      {preview.isPending && <Surface pad={false}><SkeletonRows /></Surface>}
      {preview.data !== undefined && (
        <ImportMapping preview={preview.data} busy={preview.isFetching} failed={preview.error !== null} onPlan={setPlan} onStart={() => onStart(preview.data.plan)} />
      )}
    </Stack>
  );
}

function Earlier({ connection, onOpen }: { connection: Connection; onOpen: (id: string) => void }) {
  const list = useQuery(queryOptions({
    queryKey: ['connections', connection.id, 'imports'], queryFn: ({ signal }) => api.imports.list(connection.id, signal), refetchInterval: 5000,
  }));
  if (list.error !== null) return <Alert color="red" variant="light">{list.error.message}</Alert>;
  if (list.data === undefined || list.data.length === 0) return null;
  return (
    <Surface pad={false}>
      <div className="table-scroll">
        <table className="table" aria-label="Earlier imports">
          <thead><tr><th>File</th><th>State</th><th style={{ textAlign: 'right' }}>Rows</th><th style={{ textAlign: 'right' }}>Refused</th><th>When</th></tr></thead>
          <tbody>
            {list.data.map((x) => (
              <tr key={x.id}>
                <td><Button size="compact-sm" variant="subtle" onClick={() => onOpen(x.id)}>{x.name === '' ? 'Without a name' : x.name}</Button></td>
                <td><ImportState state={x.state} /></td>
                <td style={{ textAlign: 'right' }}>{formatNumber(x.rows)}</td>
                <td style={{ textAlign: 'right' }}>{formatNumber(x.refused)}</td>
                <td className="dim nowrap"><Ago time={x.updated_at} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Surface>
  );
}
