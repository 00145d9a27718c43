import { Suspense, lazy } from 'react';
import { Skeleton } from '@mantine/core';
import type { EditorProps } from './Editor';

const Inner = lazy(() => import('./Editor'));

export function LazyEditor(props: EditorProps) {
  return (
    <Suspense fallback={<Skeleton height={(props.minHeight ?? 120) + 2} radius={10} role="img" aria-label="Loading the editor" />}>
      <Inner {...props} />
    </Suspense>
  );
}
