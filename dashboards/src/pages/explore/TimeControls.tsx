import { useState } from 'react';
import { Button, Group, Popover, Select, Stack, TextInput, UnstyledButton } from '@mantine/core';
import { granularities } from '../../api/types';
import { chosenGranularity, type ExploreState } from '../../lib/exploreState';
import { IconCalendar, IconChevronDown } from '../../ui/icons';

export const presets = [
  { from: '-24h', label: 'Last 24 hours' }, { from: '-7d', label: 'Last 7 days' }, { from: '-30d', label: 'Last 30 days' },
  { from: '-90d', label: 'Last 90 days' }, { from: '-365d', label: 'Last 12 months' },
];

export function rangeLabel(from: string, to: string): string {
  const preset = presets.find((p) => p.from === from && to === 'now');
  if (preset !== undefined) return preset.label;
  return `${from} to ${to}`;
}

const buckets = { minute: 'Minutes', hour: 'Hours', day: 'Days', week: 'Weeks', month: 'Months', quarter: 'Quarters', year: 'Years' };
const isGranularity = (text: string | null): text is ExploreState['granularity'] => text === 'auto' || text === 'none' || (granularities as readonly (string | null)[]).includes(text);

export function TimeControls({ state, set, zone, now }: { state: ExploreState; set: (patch: Partial<ExploreState>) => void; zone: string; now: Date }) {
  const [open, setOpen] = useState(false);
  const automatic = chosenGranularity({ ...state, granularity: 'auto' }, now);
  const [zones] = useState(() => [...new Set(['UTC', zone, ...Intl.supportedValuesOf('timeZone')])]);
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  return (
    <Group gap={8}>
      {state.visualization !== 'number' && state.visualization !== 'funnel' && (
        <Select size="sm" w={140} aria-label="Buckets of time" allowDeselect={false} value={state.granularity} onChange={(g) => { if (isGranularity(g)) set({ granularity: g }); }}
          data={[{ value: 'auto', label: automatic === undefined ? 'Auto (none)' : `Auto (${buckets[automatic].toLowerCase()})` }, ...(state.visualization === 'line' ? [] : [{ value: 'none', label: 'One total' }]), ...granularities.map((g) => ({ value: g, label: buckets[g] }))]} />
      )}
      <Popover opened={open} onChange={setOpen} position="bottom-end" shadow="md" radius="md" withinPortal trapFocus>
        <Popover.Target>
          <Button variant="default" leftSection={<IconCalendar size={16} />} rightSection={<IconChevronDown size={14} />} onClick={() => setOpen((o) => !o)} aria-label={`Time range: ${rangeLabel(state.from, state.to)}`}>{rangeLabel(state.from, state.to)}</Button>
        </Popover.Target>
        <Popover.Dropdown w={300} p="sm">
          <Stack gap={2} mb="sm">
            {presets.map((p) => <UnstyledButton key={p.from} className="nav-link" aria-current={state.from === p.from && state.to === 'now' ? 'page' : undefined} onClick={() => { set({ from: p.from, to: 'now' }); setOpen(false); }}>{p.label}</UnstyledButton>)}
          </Stack>
          <form onSubmit={(e) => { e.preventDefault(); if (from !== '' && to !== '') { set({ from, to }); setOpen(false); } }}>
            <Stack gap="xs">
              <Group grow gap="xs"><TextInput size="xs" type="date" label="From" value={from} onChange={(e) => setFrom(e.currentTarget.value)} /><TextInput size="xs" type="date" label="To, not included" value={to} min={from} onChange={(e) => setTo(e.currentTarget.value)} /></Group>
              <Button size="xs" type="submit" disabled={from === '' || to === '' || to <= from}>Use these dates</Button>
              <Select size="xs" label="Compare with" allowDeselect={false} comboboxProps={{ withinPortal: false }} value={state.compare} onChange={(c) => set({ compare: c ?? 'none' })} data={[{ value: 'none', label: 'Nothing' }, { value: 'previous_period', label: 'The period before' }]} />
              <Select size="xs" label="Time zone" searchable comboboxProps={{ withinPortal: false }} value={state.timezone === '' ? zone : state.timezone} onChange={(tz) => set({ timezone: tz === null || tz === zone ? '' : tz })} data={zones} limit={60} maxDropdownHeight={180} />
            </Stack>
          </form>
        </Popover.Dropdown>
      </Popover>
    </Group>
  );
}
