import { useMemo, useState } from 'react';
import { Accordion, Button, Drawer, Group, Kbd, SegmentedControl, Skeleton, Stack, Text, UnstyledButton } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { api } from '../../api/client';
import { queries } from '../../api/queries';
import type { ReportResult } from '../../api/types';
import { formatNumber, plural } from '../../lib/format';
import { loadHistory, remember, storeHistory, type Ran } from '../../lib/sqlHistory';
import { Ago, Empty, Failure, Page, Surface } from '../../ui/basics';
import { DataTable, isNumeric } from '../../ui/DataTable';
import { LazyEditor } from '../../ui/LazyEditor';
import { ResultView } from '../../ui/ReportView';
import { IconHistory, IconPlayerPlay, IconTable } from '../../ui/icons';

const start = 'SELECT\n  toDate(event_timestamp) AS day,\n  count() AS events,\n  uniq(event_email) AS people\nFROM events\nGROUP BY day\nORDER BY day';

export function SqlPage() {
  const [params, setParams] = useSearchParams();
  const [text, setText] = useState(params.get('q') ?? start);
  const [look, setLook] = useState<'table' | 'chart'>('table');
  const [history, setHistory] = useState<Ran[]>(() => loadHistory(localStorage));
  const [showHistory, setShowHistory] = useState(false);
  const schema = useQuery(queries.sqlSchema());
  const completion = useMemo(
    () => (schema.data === undefined ? undefined : Object.fromEntries(schema.data.views.map((v) => [v.name, v.columns.map((c) => c.name)]))),
    [schema.data],
  );
  const run = useMutation({
    mutationFn: (query: string) => api.sql.run({ query }),
    onSettled: (result, _error, query) => {
      const next = remember(history, { query, at: new Date().toISOString(), ok: result !== undefined, rows: result?.rows.length });
      setHistory(next);
      storeHistory(localStorage, next);
    },
  });
  const execute = (query: string) => {
    if (query.trim() === '' || run.isPending) return;
    setParams({ q: query }, { replace: true });
    run.mutate(query);
  };
  return (
    <Page wide title="SQL" subtitle="ClickHouse SQL over read-only views. Each event is there once."
      actions={<Button variant="default" leftSection={<IconHistory size={17} />} onClick={() => setShowHistory(true)}>History</Button>}>
      <div className="sql-layout">
        <Stack gap="md" style={{ minWidth: 0 }}>
          <LazyEditor value={text} onChange={setText} language="sql" label="SQL statement" minHeight={170} maxHeight={420} schema={completion} onRun={() => execute(text)} />
          <Group justify="space-between">
            <Group gap="sm">
              <Button leftSection={<IconPlayerPlay size={16} />} loading={run.isPending} onClick={() => execute(text)}>Run</Button>
              <Text size="xs" c="dimmed" visibleFrom="xs"><Kbd size="xs">Ctrl</Kbd> + <Kbd size="xs">Enter</Kbd></Text>
            </Group>
            {run.data !== undefined && (
              <Group gap="md">
                <Text size="sm" c="dimmed" role="status">{plural(run.data.rows.length, 'row')}{run.data.meta.elapsed_ms === undefined ? '' : ` in ${formatNumber(Math.round(run.data.meta.elapsed_ms))} ms`}{run.data.meta.truncated === true ? ', cut off' : ''}</Text>
                <SegmentedControl size="xs" value={look} onChange={(v) => setLook(v === 'chart' ? 'chart' : 'table')} data={[{ value: 'table', label: 'Table' }, { value: 'chart', label: 'Chart' }]} aria-label="Show as" />
              </Group>
            )}
          </Group>
          {run.error !== null && <Failure error={run.error} title="The statement did not run" />}
          <Surface pad={false}>
            {run.isPending && <Skeleton h={280} radius={12} role="img" aria-label="Running" />}
            {run.isIdle && <Empty icon={<IconTable size={36} stroke={1.3} />} title="No result yet">Run the statement, or press Ctrl and Enter in the editor.</Empty>}
            {run.isError && <Empty title="No result">The message above tells what to change.</Empty>}
            {run.isSuccess && (look === 'table' || run.data.rows.length === 0
              ? run.data.rows.length === 0 ? <Empty title="No rows">The statement ran and found nothing.</Empty> : <DataTable columns={run.data.columns} rows={run.data.rows} height={520} label="Result" name={(c) => c.name} />
              : <div className="surface-pad"><ResultChart result={run.data} /></div>)}
          </Surface>
        </Stack>
        <Surface className="sql-schema">
          <Text fw={600} size="sm" mb={8}>Views</Text>
          {schema.isPending && <Stack gap={8}>{[0, 1, 2].map((i) => <Skeleton key={i} h={18} />)}</Stack>}
          {schema.error !== null && <Text size="sm" c="dimmed">The list of views could not be read. <code>events</code> is always there.</Text>}
          <Accordion chevronPosition="left" variant="default" styles={{ control: { padding: '2px 0' }, content: { padding: '2px 0 8px 26px' }, item: { borderBottom: 0 }, label: { padding: '5px 0' } }}>
            {schema.data?.views.map((view) => (
              <Accordion.Item key={view.name} value={view.name}>
                <Accordion.Control><span className="mono">{view.name}</span></Accordion.Control>
                <Accordion.Panel>
                  {view.columns.map((c) => (
                    <UnstyledButton key={c.name} display="block" w="100%" className="ellipsis" title={`${c.name} ${c.type}: append to the statement`} onClick={() => setText((now) => `${now}${/\s$/.test(now) || now === '' ? '' : ' '}${c.name}`)}>
                      <span className="mono">{c.name}</span> <span className="dim" style={{ fontSize: '0.74rem' }}>{c.type}</span>
                    </UnstyledButton>
                  ))}
                </Accordion.Panel>
              </Accordion.Item>
            ))}
          </Accordion>
        </Surface>
      </div>
      <Drawer opened={showHistory} onClose={() => setShowHistory(false)} position="right" title={<Text fw={620}>History of this browser</Text>}>
        {history.length === 0 && <Empty title="Nothing yet">Statements that you run are kept here.</Empty>}
        <Stack gap="xs">
          {history.map((h) => (
            <UnstyledButton key={h.at} className="code" onClick={() => { setText(h.query); setShowHistory(false); }} style={{ whiteSpace: 'pre-wrap' }}>
              <Text size="xs" c={h.ok ? 'dimmed' : 'var(--tb-bad)'} ff="text"><Ago time={h.at} />{h.ok && h.rows !== undefined ? ` · ${plural(h.rows, 'row')}` : h.ok ? '' : ' · failed'}</Text>
              {h.query.length > 400 ? `${h.query.slice(0, 400)}…` : h.query}
            </UnstyledButton>
          ))}
        </Stack>
      </Drawer>
    </Page>
  );
}

/** The first column along the axis, every number column as a series. */
function ResultChart({ result }: { result: ReportResult }) {
  const numeric = result.columns.map((c, i) => i > 0 && isNumeric(c, result.rows, i));
  const chosen = numeric.flatMap((yes, i) => (yes ? [i] : []));
  if (chosen.length === 0) return <Empty title="Nothing to draw">A chart needs a first column for the axis and a column of numbers.</Empty>;
  const first = result.columns[0];
  const timed = first !== undefined && /date/i.test(first.type);
  const drawn: ReportResult = {
    columns: [{ name: timed ? 'time' : first?.name ?? '', type: first?.type ?? '' }, ...chosen.map((i) => ({ ...(result.columns[i] ?? { name: '', type: '' }), label: result.columns[i]?.name }))],
    rows: result.rows.slice(0, 5000).map((row) => [row[0] ?? null, ...chosen.map((i) => row[i] ?? null)]),
    meta: result.meta,
  };
  return <ResultView result={drawn} metrics={chosen.map(String)} visualization={timed ? 'line' : 'bar'} granularity={timed ? (/datetime/i.test(first.type) ? 'minute' : 'day') : undefined} timezone="UTC" height={420} />;
}
