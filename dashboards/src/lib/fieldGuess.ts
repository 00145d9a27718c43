/** What a field that is about to be defined is probably called and holds. Pure. */
import type { FieldType, SeenField } from '../api/types';
import { slugify } from './format';

/** Of a list's elements the list itself is the field. */
export const fieldPath = (path: string): string => path.replace(/\[\]$/, '');

/** An object is no value; its members are. */
export const canDefine = (seen: Pick<SeenField, 'types'>): boolean => Object.keys(seen.types).some((t) => t !== 'object' && t !== 'null');

export function guessType(seen: Pick<SeenField, 'path' | 'types' | 'sample'>): FieldType {
  const main = Object.entries(seen.types).filter(([t]) => t !== 'null' && t !== 'object').toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? 'string';
  const text = seen.sample.replace(/^"|"$/g, '');
  const numeric = main === 'integer' || main === 'number';
  if (seen.path.endsWith('[]')) return numeric ? 'number[]' : 'string[]';
  if (main === 'array') return /^\[\s*-?\d/.test(text) ? 'number[]' : 'string[]';
  if (numeric) return 'number';
  if (main === 'boolean') return 'boolean';
  if (/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)/.test(text)) return 'datetime';
  return /^-?\d+\.\d+$/.test(text) ? 'number' : 'string';
}

/** The last part of the path if nobody has that name yet, else all of it. */
export function guessName(path: string, taken: ReadonlySet<string>): string {
  const parts = path.replace(/\[\]/g, '').split('.');
  for (let from = parts.length - 1; from >= 0; from--) {
    const name = slugify(parts.slice(from).join('_').replace(/([a-z])([A-Z])/g, '$1_$2'), '_');
    const valid = /^\d/.test(name) ? `f_${name}` : name;
    if (valid !== '' && !taken.has(valid)) return valid;
  }
  let count = 2;
  const base = slugify(path, '_') || 'field';
  while (taken.has(`${base}_${count}`)) count++;
  return `${base}_${count}`;
}

export function guessLabel(name: string): string {
  const words = name.replace(/_/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
