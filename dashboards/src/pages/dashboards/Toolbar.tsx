import type { RefObject } from 'react';
import { ActionIcon, Select, Tooltip } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { IconArrowsMaximize, IconRefresh } from '../../ui/icons';
import { presets } from '../explore/TimeControls';

export function RangeSelect({ value, onChange, own }: { value: string; onChange: (from: string) => void; own: boolean }) {
  return (
    <Select w={196} aria-label="Time range" allowDeselect={false} value={value} onChange={(v) => onChange(v ?? '')}
      data={[...(own ? [{ value: '', label: 'As each report says' }] : []), ...presets.map((p) => ({ value: p.from, label: p.label }))]} />
  );
}

export function RefreshButton() {
  const client = useQueryClient();
  return (
    <Tooltip label="Refresh">
      <ActionIcon variant="default" size={36} aria-label="Refresh" onClick={() => void Promise.all([client.invalidateQueries({ queryKey: ['report-data'] }), client.invalidateQueries({ queryKey: ['report'] })])}><IconRefresh size={18} /></ActionIcon>
    </Tooltip>
  );
}

export function FullScreenButton({ target }: { target: RefObject<HTMLElement | null> }) {
  if (!document.fullscreenEnabled) return null;
  return (
    <Tooltip label="Full screen">
      <ActionIcon variant="default" size={36} aria-label="Full screen" onClick={() => void target.current?.requestFullscreen()}><IconArrowsMaximize size={18} /></ActionIcon>
    </Tooltip>
  );
}
