import { useState, type ReactNode } from 'react';
import { ActionIcon, Button, Group, Menu, Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import type { ConversionDefinition, FieldDefinition, Filter } from '../../api/types';
import { isCondition } from '../../lib/filters';
import { Empty, Failure, Page, SkeletonRows, Surface } from '../../ui/basics';
import { operatorText } from '../../ui/FilterEditor';
import { IconDots, IconPencil, IconPlus, IconTag, IconTarget, IconTrash } from '../../ui/icons';
import { ConversionForm } from './ConversionForm';
import { FieldForm } from './FieldForm';

/** All fields and conversions in one place. */
export function Definitions() {
  const [params, setParams] = useSearchParams();
  const tab = params.get('tab') === 'conversions' ? 'conversions' : 'fields';
  return (
    <Page title="Definitions" subtitle="What the numbers in your events mean: fields to group and sum by, conversions to count.">
      <Tabs value={tab} onChange={(next) => setParams(next === 'conversions' ? { tab: 'conversions' } : {}, { replace: true })} keepMounted={false}>
        <Tabs.List mb="lg"><Tabs.Tab value="fields">Fields</Tabs.Tab><Tabs.Tab value="conversions">Conversions</Tabs.Tab></Tabs.List>
        <Tabs.Panel value="fields"><FieldList /></Tabs.Panel>
        <Tabs.Panel value="conversions"><ConversionList /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function useConnectionNames(): (ids: string[] | null | undefined) => string {
  const connections = useQuery(queries.connections());
  return (ids) => (ids === null || ids === undefined || ids.length === 0 ? 'All connections' : ids.map((id) => connections.data?.find((c) => c.id === id)?.name ?? 'a deleted one').join(', '));
}

function RowMenu({ name, onEdit, onRemove }: { name: string; onEdit: () => void; onRemove: () => void }) {
  const [sure, setSure] = useState(false);
  return (
    <Menu position="bottom-end" onClose={() => setSure(false)} closeOnItemClick={false}>
      <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={`More for ${name}`}><IconDots size={18} /></ActionIcon></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconPencil size={16} />} onClick={onEdit} closeMenuOnClick>Change</Menu.Item>
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => (sure ? onRemove() : setSure(true))}>{sure ? 'Delete it, reports may break' : 'Delete'}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function List({ query, empty, head, children }: { query: { error: Error | null; isPending: boolean; refetch: () => unknown }; empty: ReactNode; head: string[]; children: ReactNode[] }) {
  return (
    <>
      {query.error !== null && <Failure error={query.error} retry={() => void query.refetch()} />}
      <Surface pad={false}>
        {query.isPending && query.error === null && <SkeletonRows />}
        {!query.isPending && query.error === null && children.length === 0 && empty}
        {children.length > 0 && (
          <div className="table-scroll"><table className="table"><thead><tr>{head.map((h) => <th key={h}>{h}</th>)}<th><span className="sr-only">Actions</span></th></tr></thead><tbody>{children}</tbody></table></div>
        )}
      </Surface>
    </>
  );
}

function FieldList() {
  const fields = useQuery(queries.fields());
  const names = useConnectionNames();
  const [form, setForm] = useState<FieldDefinition | null>(null);
  const [isNew, setNew] = useState(false);
  const remove = useChange({ change: api.fields.remove, stale: [['fields'], ['connections'], ['sql-schema']] });
  const create = () => { setNew(true); setForm({ name: '', path: '', type: 'string', connection_ids: [] }); };
  return (
    <>
      <Group justify="flex-end" mb="md"><Button leftSection={<IconPlus size={17} />} onClick={create}>Define a field</Button></Group>
      <List query={fields} head={['Name', 'Path', 'Type', 'Connections']} empty={<Empty icon={<IconTag size={38} stroke={1.3} />} title="No fields yet">The quickest way: open a connection, choose Fields, and click Define next to what you see there.</Empty>}>
        {(fields.data ?? []).map((f) => (
          <tr key={f.name}>
            <td><b style={{ fontWeight: 600 }}>{f.label !== undefined && f.label !== '' ? f.label : f.name}</b>{f.label !== undefined && f.label !== '' && <span className="dim mono">&ensp;{f.name}</span>}{f.description !== undefined && f.description !== '' && <div className="dim" style={{ fontSize: '0.82rem' }}>{f.description}</div>}</td>
            <td className="mono">{f.path}</td><td>{f.type}</td><td className="dim">{names(f.connection_ids)}</td>
            <td style={{ textAlign: 'right' }}><RowMenu name={f.name} onEdit={() => { setNew(false); setForm(f); }} onRemove={() => remove.mutate(f.name)} /></td>
          </tr>
        ))}
      </List>
      {form !== null && <FieldForm initial={form} existing={!isNew} onClose={() => setForm(null)} />}
    </>
  );
}

function words(filter: Filter): string {
  if (isCondition(filter)) return [filter.field, operatorText[filter.op], filter.values.join(filter.op === 'between' ? ' and ' : ', ')].join(' ').trim();
  return 'and' in filter ? `(${filter.and.map(words).join(' and ')})` : `(${filter.or.map(words).join(' or ')})`;
}

function describe(filters: Filter[]): string {
  return filters.length === 0 ? 'every event' : filters.map(words).join(', and ');
}

function ConversionList() {
  const conversions = useQuery(queries.conversions());
  const names = useConnectionNames();
  const [form, setForm] = useState<ConversionDefinition | null>(null);
  const [isNew, setNew] = useState(false);
  const remove = useChange({ change: api.conversions.remove, stale: [['conversions']] });
  const create = () => { setNew(true); setForm({ name: '', label: '', connection_ids: [], filters: [{ field: '', op: 'eq', values: [] }] }); };
  return (
    <>
      <Group justify="flex-end" mb="md"><Button leftSection={<IconPlus size={17} />} onClick={create}>Define a conversion</Button></Group>
      <List query={conversions} head={['Name', 'Counts', 'Value', 'Connections']} empty={<Empty icon={<IconTarget size={38} stroke={1.3} />} title="No conversions yet">A conversion is an event that matters: a paid order, a won lead. Define one to count it, sum its value and build funnels.</Empty>}>
        {(conversions.data ?? []).map((c) => (
          <tr key={c.name}>
            <td><b style={{ fontWeight: 600 }}>{c.label !== undefined && c.label !== '' ? c.label : c.name}</b><span className="dim mono">&ensp;{c.name}</span></td>
            <td>{describe(c.filters)}</td><td className="mono">{c.value_field ?? '–'}</td><td className="dim">{names(c.connection_ids)}</td>
            <td style={{ textAlign: 'right' }}><RowMenu name={c.name} onEdit={() => { setNew(false); setForm(c); }} onRemove={() => remove.mutate(c.name)} /></td>
          </tr>
        ))}
      </List>
      {form !== null && <ConversionForm initial={form} existing={!isNew} onClose={() => setForm(null)} />}
    </>
  );
}
