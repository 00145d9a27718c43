import { useState } from 'react';
import { Alert, Button, Group, MultiSelect, Select, SimpleGrid, Skeleton, Stack, Text, TextInput, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import { fieldTypes, type FieldDefinition, type FieldType } from '../../api/types';
import { formatNumber, formatPercent } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Failure } from '../../ui/basics';

const typeText: Record<FieldType, string> = {
  string: 'Text', number: 'Number', integer: 'Whole number', boolean: 'Yes or no', datetime: 'Date and time', 'string[]': 'List of texts', 'number[]': 'List of numbers',
};
const isType = (text: string | null): text is FieldType => (fieldTypes as readonly (string | null)[]).includes(text);

/** Defines a field or changes it; shows what it would read before it is saved. */
export function FieldForm({ initial, existing, onClose }: { initial: FieldDefinition; existing: boolean; onClose: () => void }) {
  const [draft, setDraft] = useState(initial);
  const connections = useQuery(queries.connections());
  const save = useChange({
    change: api.fields.put,
    stale: [['fields'], ['connections'], ['report'], ['sql-schema']],
    quiet: true,
    done: (field) => {
      notifications.show({ color: 'teal', message: `${field.label ?? field.name} can be used in reports and SQL now` });
      onClose();
    },
  });
  const set = <K extends keyof FieldDefinition>(name: K, value: FieldDefinition[K]) => setDraft((now) => ({ ...now, [name]: value }));
  return (
    <Dialog onClose={onClose} title={existing ? `Field ${initial.name}` : 'Define a field'} size="lg">
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(draft); }}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label="Name" description="As reports and SQL call it" value={draft.name} disabled={existing} onChange={(e) => set('name', e.currentTarget.value)} required withAsterisk={false} pattern="[a-zA-Z][a-zA-Z0-9_]*" maxLength={64} title="Letters, digits and _; a letter first" />
            <TextInput label="Label" description="As people read it" value={draft.label ?? ''} onChange={(e) => set('label', e.currentTarget.value)} />
          </SimpleGrid>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label="Path" description="Where it stands in event_payload" value={draft.path} onChange={(e) => set('path', e.currentTarget.value)} required withAsterisk={false} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }} />
            <Select label="Type" description="What the values are" allowDeselect={false} value={draft.type} data={fieldTypes.map((t) => ({ value: t, label: typeText[t] }))} onChange={(v) => { if (isType(v)) set('type', v); }} />
          </SimpleGrid>
          <MultiSelect label="Connections" placeholder={draft.connection_ids?.length ? '' : 'All connections'} value={draft.connection_ids ?? []} onChange={(v) => set('connection_ids', v)} data={(connections.data ?? []).map((c) => ({ value: c.id, label: c.name }))} clearable />
          <Textarea label="Description" autosize minRows={1} value={draft.description ?? ''} onChange={(e) => set('description', e.currentTarget.value)} />
          <Preview draft={draft} />
          {save.error !== null && <Failure error={save.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={save.isPending}>{existing ? 'Save' : 'Define field'}</Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function Preview({ draft }: { draft: FieldDefinition }) {
  const [question] = useDebouncedValue({ path: draft.path, type: draft.type, connection_ids: draft.connection_ids ?? [] }, 250);
  const preview = useQuery({
    queryKey: ['field-preview', question],
    queryFn: ({ signal }) => api.fields.preview(question, signal),
    enabled: question.path !== '',
    placeholderData: (before) => before,
    retry: false,
  });
  if (question.path === '') return null;
  if (preview.error !== null) return <Failure error={preview.error} title="No preview" />;
  if (preview.data === undefined) return <Skeleton h={92} radius={10} role="img" aria-label="Loading the preview" />;
  const { events, present, fitting, fitting_samples: samples, misfit_samples: misfits } = preview.data;
  const share = present === 0 ? 0 : fitting / present;
  return (
    <Alert variant="light" color={present === 0 ? 'gray' : share === 1 ? 'teal' : 'yellow'} role="status"
      title={present === 0 ? `Not there in the last ${formatNumber(events)} events` : `${formatPercent(share)} of ${formatNumber(present)} recent values fit`}>
      <Stack gap={4}>
        {samples.length > 0 && <Text size="sm" className="wrap-anywhere">For example {samples.slice(0, 4).join(', ')}</Text>}
        {misfits.length > 0 && <Text size="sm" className="wrap-anywhere">These would be empty in reports: {misfits.slice(0, 4).join(', ')}</Text>}
      </Stack>
    </Alert>
  );
}
