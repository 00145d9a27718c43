import { useMemo } from 'react';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries';
import type { FieldOption } from './FilterEditor';

/** What every event has, and may be grouped and filtered by. */
const builtIn: FieldOption[] = [
  { value: 'event_source', label: 'Event source', type: 'string' }, { value: 'event_object', label: 'Event object', type: 'string' },
  { value: 'connection', label: 'Connection', type: 'string' }, { value: 'event_email', label: 'E-mail', type: 'string' },
  { value: 'event_id', label: 'Event ID', type: 'string' }, { value: 'event_adb_cdt', label: 'Event ADB CDT', type: 'string' },
];

export function useFieldOptions(): { group: string; items: FieldOption[] }[] {
  const fields = useQuery(queries.fields());
  return useMemo(() => {
    const own = (fields.data ?? []).map((f) => ({ value: f.name, label: f.label === undefined || f.label === '' ? f.name : f.label, type: f.type }));
    return [...(own.length > 0 ? [{ group: 'Fields', items: own }] : []), { group: 'Every event', items: builtIn }];
  }, [fields.data]);
}
