/** Filters, one a line: field, comparison, values. */
import { ActionIcon, Button, Code, Group, Select, Stack, TagsInput, TextInput } from '@mantine/core';
import { operators, type Condition, type Filter, type Operator } from '../api/types';
import { isCondition } from '../lib/filters';
import { IconPlus, IconX } from './icons';

export const operatorText: Record<Operator, string> = {
  eq: 'is', ne: 'is not', in: 'is one of', not_in: 'is none of', gt: 'is more than', gte: 'is at least', lt: 'is less than', lte: 'is at most',
  between: 'is between', contains: 'contains', starts_with: 'starts with', matches: 'matches', is_set: 'is there', is_not_set: 'is not there',
};
const isOperator = (text: string | null): text is Operator => (operators as readonly (string | null)[]).includes(text);
const arity = (op: Operator): 'none' | 'one' | 'two' | 'many' =>
  op === 'is_set' || op === 'is_not_set' ? 'none' : op === 'between' ? 'two' : op === 'in' || op === 'not_in' ? 'many' : 'one';

/** A typed value as the field holds it: numbers of number fields, the rest as text. */
export function readValue(text: string, type: string | undefined): string | number | boolean {
  if ((type === 'number' || type === 'integer') && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** A filter is complete once it has the values that its comparison needs. */
export function isComplete(filter: Filter): boolean {
  if (!isCondition(filter)) return true;
  const needed = { none: 0, one: 1, two: 2, many: 1 }[arity(filter.op)];
  return filter.field !== '' && filter.values.length >= needed && filter.values.every((v) => v !== '');
}

export interface FieldOption {
  value: string;
  label: string;
  type?: string;
}

export function FilterEditor({ value, onChange, fields }: {
  value: Filter[]; onChange: (filters: Filter[]) => void; fields: { group: string; items: FieldOption[] }[];
}) {
  const typeOf = (name: string) => fields.flatMap((g) => g.items).find((f) => f.value === name)?.type;
  const set = (index: number, filter: Condition) => onChange(value.map((f, i) => (i === index ? filter : f)));
  return (
    <Stack gap={8} align="flex-start" w="100%">
      {value.map((filter, index) => {
        const remove = <ActionIcon variant="subtle" color="gray" aria-label={`Remove filter ${index + 1}`} onClick={() => onChange(value.filter((_, i) => i !== index))}><IconX size={15} /></ActionIcon>;
        // Groups are made through the API; here they are kept and can be taken away.
        if (!isCondition(filter)) return <Group key={index} gap={8}><Code>{JSON.stringify(filter)}</Code>{remove}</Group>;
        const kind = arity(filter.op);
        const type = typeOf(filter.field);
        return (
          <Group key={index} gap={8} wrap="wrap" role="group" aria-label={`Filter ${index + 1}`}>
            <Select size="xs" w={180} searchable allowDeselect={false} aria-label="Field" placeholder="Field" data={fields} value={filter.field === '' ? null : filter.field} onChange={(field) => set(index, { ...filter, field: field ?? '' })} />
            <Select size="xs" w={130} allowDeselect={false} aria-label="Comparison" data={operators.map((o) => ({ value: o, label: operatorText[o] }))} value={filter.op}
              onChange={(op) => { if (isOperator(op)) set(index, { ...filter, op, values: arity(op) === kind ? filter.values : filter.values.slice(0, { none: 0, one: 1, two: 2, many: 99 }[arity(op)]) }); }} />
            {kind === 'one' && <TextInput size="xs" w={180} aria-label="Value" placeholder="Value" value={String(filter.values[0] ?? '')} onChange={(e) => set(index, { ...filter, values: [readValue(e.currentTarget.value, type)] })} />}
            {kind === 'two' && [0, 1].map((at) => (
              <TextInput key={at} size="xs" w={110} aria-label={at === 0 ? 'From' : 'To'} placeholder={at === 0 ? 'from' : 'to'} value={String(filter.values[at] ?? '')}
                onChange={(e) => { const next = [filter.values[0] ?? '', filter.values[1] ?? '']; next[at] = readValue(e.currentTarget.value, type); set(index, { ...filter, values: next }); }} />
            ))}
            {kind === 'many' && <TagsInput size="xs" w={260} aria-label="Values" placeholder="Value, then Enter" value={filter.values.map(String)} onChange={(texts) => set(index, { ...filter, values: texts.map((t) => readValue(t, type)) })} />}
            {remove}
          </Group>
        );
      })}
      <Button size="xs" mt={value.length === 0 ? 3 : 0} variant="subtle" leftSection={<IconPlus size={14} />} onClick={() => onChange([...value, { field: '', op: 'eq', values: [] }])}>Filter</Button>
    </Stack>
  );
}
