import { useMemo, useState } from 'react';
import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../api/client';
import { useChange } from '../../api/queries';
import type { Problem } from '../../api/types';
import { plural, sentence } from '../../lib/format';
import { locate, offsetOfByte } from '../../lib/jsonPosition';
import { Dialog } from '../../ui/Dialog';
import { LazyEditor } from '../../ui/LazyEditor';
import { IconCheck, IconSend } from '../../ui/icons';

export interface Mark {
  from: number;
  to: number;
  severity: 'error';
  message: string;
}

/** Where in the text the problem's parts stand. */
export function marks(text: string, problem: Problem | undefined): Mark[] {
  if (problem === undefined) return [];
  if (problem.errors !== undefined) {
    return problem.errors.flatMap((e) => {
      if (e.pointer === undefined) return [];
      const { from, to, exact } = locate(text, e.pointer);
      const name = e.field ?? e.pointer;
      return [{ from, to, severity: 'error' as const, message: exact ? `${name}: ${e.message}` : `${name} is not there: ${e.message}` }];
    });
  }
  if (problem.offset === undefined) return [];
  const from = Math.max(0, Math.min(offsetOfByte(text, problem.offset), text.length - 1));
  return [{ from, to: from + 1, severity: 'error', message: problem.detail ?? problem.title }];
}

/** Lays the text out, unless JavaScript would change a number in it on the way. */
function pretty(text: string): string {
  try {
    const laidOut = JSON.stringify(JSON.parse(text), null, 2);
    const bare = (json: string) => json.replace(/\s/g, '');
    return bare(laidOut) === bare(text) ? laidOut : text;
  } catch {
    return text;
  }
}

export function Replay({ url, body, reason, single, onClose }: {
  url: string; body: string; reason: Problem | undefined; single: boolean; onClose: () => void;
}) {
  const [text, setText] = useState(() => pretty(single && !body.trimStart().startsWith('[') ? `[${body}]` : body));
  const [problem, setProblem] = useState(reason);
  const client = useQueryClient();
  // Marks belong to the text that was judged; they move along while it is edited.
  const [judged, setJudged] = useState(text);
  const diagnostics = useMemo(() => marks(judged, problem), [judged, problem]);
  const send = useChange({
    change: () => api.ingest(url, text),
    stale: [['connections']],
    done: (answer) => {
      setJudged(text);
      setProblem(answer.ok ? undefined : answer.problem);
      if (answer.ok) void client.invalidateQueries({ queryKey: ['activity'] });
    },
    quiet: true,
  });
  const answer = send.data;
  return (
    <Dialog onClose={onClose} title="Mend and replay" size="xl">
      <Stack>
        <Text size="sm" c="dimmed">Correct what is marked and send it again, as the producer would. Events that were stored already are not counted twice.</Text>
        <LazyEditor value={text} onChange={setText} language="json" label="Request body" minHeight={240} maxHeight={420} diagnostics={diagnostics} onRun={() => send.mutate(undefined)} />
        {answer?.ok === true && (
          <Alert color="teal" variant="light" icon={<IconCheck size={18} />} title="Stored" role="status">
            {plural(answer.result.received, 'event')} received.
            {answer.result.warnings?.map((w, i) => <div key={i}>{w.message}</div>)}
          </Alert>
        )}
        {answer?.ok === false && <Alert color="red" variant="light" title={answer.problem.title} role="alert">{sentence(answer.problem.detail ?? '')}</Alert>}
        {answer === undefined && reason !== undefined && <Alert color="red" variant="light" title={reason.title}>{sentence(reason.detail ?? '')}</Alert>}
        {send.error !== null && <Alert color="red" variant="light" role="alert">{send.error.message}</Alert>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>Close</Button>
          {answer?.ok !== true && <Button leftSection={<IconSend size={16} />} loading={send.isPending} onClick={() => send.mutate(undefined)}>Send again</Button>}
        </Group>
      </Stack>
    </Dialog>
  );
}
