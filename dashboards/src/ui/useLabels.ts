import { useMemo } from 'react';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries';
import { useMay } from '../app/session';
import type { Labels } from '../lib/series';

/** What people call fields and conversions. Shared links and viewers see plain names. */
export function useLabels(): Labels {
  const { analyse } = useMay();
  const fields = useQuery({ ...queries.fields(), enabled: analyse });
  const conversions = useQuery({ ...queries.conversions(), enabled: analyse });
  return useMemo(() => ({
    fields: new Map((fields.data ?? []).flatMap((f) => (f.label === undefined || f.label === '' ? [] : [[f.name, f.label] as const]))),
    conversions: new Map((conversions.data ?? []).flatMap((c) => (c.label === undefined || c.label === '' ? [] : [[c.name, c.label] as const]))),
  }), [fields.data, conversions.data]);
}
