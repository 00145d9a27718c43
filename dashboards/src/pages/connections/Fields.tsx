import { useState } from 'react';
import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import type { Connection, FieldDefinition, SeenField } from '../../api/types';
import { canDefine, fieldPath, guessLabel, guessName, guessType } from '../../lib/fieldGuess';
import { formatCompact, formatPercent } from '../../lib/format';
import { Ago, Empty, Failure, SkeletonRows, Surface } from '../../ui/basics';
import { IconSearch, IconTag } from '../../ui/icons';
import { FieldForm } from '../definitions/FieldForm';

export function Fields({ connection }: { connection: Connection }) {
  const seen = useQuery(queries.seenFields(connection.id));
  const fields = useQuery(queries.fields());
  const [search, setSearch] = useState('');
  const [form, setForm] = useState<{ field: FieldDefinition; existing: boolean } | null>(null);

  const open = (path: SeenField) => {
    const known = fields.data?.find((f) => f.name === path.fields[0]?.name);
    if (known !== undefined) {
      setForm({ field: known, existing: true });
      return;
    }
    const name = guessName(path.path, new Set(fields.data?.map((f) => f.name)));
    setForm({ existing: false, field: { name, label: guessLabel(name), path: fieldPath(path.path), type: guessType(path), connection_ids: [connection.id] } });
  };
  const found = (seen.data ?? []).filter((s) => s.path.toLowerCase().includes(search.trim().toLowerCase()));

  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" maw={620}>Everything that arrives in <code>event_payload</code>. Define what matters, and it can be used in reports, dashboards and SQL at once, for events of the past as well.</Text>
        {(seen.data?.length ?? 0) > 8 && <TextInput w={240} aria-label="Search fields" placeholder="Search" leftSection={<IconSearch size={16} />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} />}
      </Group>
      {seen.error !== null && <Failure error={seen.error} retry={() => void seen.refetch()} />}
      <Surface pad={false}>
        {seen.isPending && <SkeletonRows />}
        {seen.data?.length === 0 && <Empty icon={<IconTag size={38} stroke={1.3} />} title="No fields yet">They show up here with the first event that has an <code>event_payload</code>.</Empty>}
        {found.length > 0 && (
          <div className="table-scroll">
            <table className="table table-narrow">
              <thead><tr><th>Path</th><th>Types</th><th className="optional">Sample</th><th className="optional">Last seen</th><th style={{ textAlign: 'right' }}>Field</th></tr></thead>
              <tbody>{found.map((s) => <Row key={s.path} seen={s} onOpen={() => open(s)} />)}</tbody>
            </table>
          </div>
        )}
        {seen.data !== undefined && seen.data.length > 0 && found.length === 0 && <Empty title={`Nothing matches “${search}”`} />}
      </Surface>
      {form !== null && <FieldForm initial={form.field} existing={form.existing} onClose={() => setForm(null)} />}
    </Stack>
  );
}

function Row({ seen, onOpen }: { seen: SeenField; onOpen: () => void }) {
  const types = Object.entries(seen.types).toSorted((a, b) => b[1] - a[1]);
  const total = types.reduce((sum, [, count]) => sum + count, 0);
  // Whole numbers and others go together, and null goes with everything.
  const mixed = new Set(types.map(([type]) => (type === 'integer' ? 'number' : type)).filter((type) => type !== 'null')).size > 1;
  const field = seen.fields[0];
  const misfit = field?.misfit_share ?? 0;
  return (
    <tr>
      <td className="mono nowrap">{seen.path}</td>
      <td>
        <Group gap={6} wrap="nowrap" className="tag-list">
          {types.map(([type, count]) => (
            <span key={type} className={mixed ? 'tag tag-warn' : 'tag'} title={`${formatCompact(count)} values`}>
              {type}{types.length > 1 ? ` ${formatPercent(count / Math.max(1, total))}` : ''}
            </span>
          ))}
        </Group>
      </td>
      <td className="mono dim optional"><span className="ellipsis" style={{ display: 'block', maxWidth: 260 }}>{seen.sample}</span></td>
      <td className="dim nowrap optional"><Ago time={seen.last_seen} /></td>
      <td className="nowrap" style={{ textAlign: 'right' }}>
        {field !== undefined ? (
          <Button size="compact-sm" variant="subtle" onClick={onOpen} aria-label={`Field ${field.name}`}>
            {field.name}{misfit > 0 && <span className="warn">&ensp;{formatPercent(misfit)} do not fit</span>}
          </Button>
        ) : canDefine(seen) && <Button size="compact-sm" variant="light" onClick={onOpen} aria-label={`Define ${seen.path}`}>Define</Button>}
      </td>
    </tr>
  );
}
