import { useState } from 'react';
import { Alert, Button, Group, Input, MultiSelect, Select, SimpleGrid, Skeleton, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import type { ConversionDefinition } from '../../api/types';
import { formatNumber, slugify } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Failure } from '../../ui/basics';
import { FilterEditor, isComplete } from '../../ui/FilterEditor';
import { useFieldOptions } from '../../ui/useFieldOptions';

/** Defines a conversion or changes it; shows how many events it would count. */
export function ConversionForm({ initial, existing, onClose }: { initial: ConversionDefinition; existing: boolean; onClose: () => void }) {
  const [draft, setDraft] = useState(initial);
  const connections = useQuery(queries.connections());
  const fields = useFieldOptions();
  const numbers = fields.map((g) => ({ ...g, items: g.items.filter((f) => f.type === 'number' || f.type === 'integer') })).filter((g) => g.items.length > 0);
  const save = useChange({
    change: api.conversions.put,
    stale: [['conversions'], ['report'], ['funnel']],
    quiet: true,
    done: (saved) => {
      notifications.show({ color: 'teal', message: `${saved.label ?? saved.name} can be used as a metric now` });
      onClose();
    },
  });
  const filters = draft.filters.filter(isComplete);
  return (
    <Dialog onClose={onClose} title={existing ? `Conversion ${initial.name}` : 'Define a conversion'} size="xl">
      <form onSubmit={(e) => { e.preventDefault(); save.mutate({ ...draft, filters }); }}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label="Label" description="What your team calls it" placeholder="Paid orders" value={draft.label ?? ''} required withAsterisk={false} data-autofocus
              onChange={(e) => { const label = e.currentTarget.value; setDraft((now) => ({ ...now, label, name: existing ? now.name : slugify(label, '_') })); }} />
            <TextInput label="Name" description="As reports call it" value={draft.name} disabled={existing} required withAsterisk={false} onChange={(e) => { const name = e.currentTarget.value; setDraft((now) => ({ ...now, name })); }} />
          </SimpleGrid>
          <MultiSelect label="Connections" placeholder={draft.connection_ids?.length ? '' : 'All connections'} clearable value={draft.connection_ids ?? []} onChange={(connection_ids) => setDraft((now) => ({ ...now, connection_ids }))} data={(connections.data ?? []).map((c) => ({ value: c.id, label: c.name }))} />
          <Input.Wrapper label="Which events count" description="All filters must hold" labelElement="div"><FilterEditor value={draft.filters} onChange={(next) => setDraft((now) => ({ ...now, filters: next }))} fields={fields} /></Input.Wrapper>
          <Select label="Value" description="A number field that says what one is worth" placeholder="None" clearable data={numbers} value={draft.value_field ?? null} onChange={(field) => setDraft((now) => ({ ...now, value_field: field ?? undefined }))} />
          <Preview draft={{ ...draft, filters }} />
          {save.error !== null && <Failure error={save.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={save.isPending}>{existing ? 'Save' : 'Define conversion'}</Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function Preview({ draft }: { draft: ConversionDefinition }) {
  const [question] = useDebouncedValue({ connection_ids: draft.connection_ids ?? [], filters: draft.filters, value_field: draft.value_field }, 250);
  const preview = useQuery({ queryKey: ['conversion-preview', question], queryFn: ({ signal }) => api.conversions.preview(question, signal), placeholderData: (before) => before, retry: false });
  if (preview.error !== null) return <Failure error={preview.error} title="No preview" />;
  if (preview.data === undefined) return <Skeleton h={56} radius={10} role="img" aria-label="Loading the preview" />;
  const { events, matched, value } = preview.data;
  return (
    <Alert variant="light" color={matched === 0 ? 'yellow' : 'teal'} role="status" title={`${formatNumber(matched)} of ${formatNumber(events)} events of the last 30 days count`}>
      {value !== null ? `They are worth ${formatNumber(value)} together.` : null}
    </Alert>
  );
}
