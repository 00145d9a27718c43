/** Reading filters from where anything may come: the address, the API. Pure. */
import { operators, type Condition, type Filter, type Operator } from '../api/types';

const isOperator = (text: unknown): text is Operator => (operators as readonly unknown[]).includes(text);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

export const isCondition = (filter: Filter): filter is Condition => 'field' in filter;

function condition(field: unknown, op: unknown, values: unknown): Filter[] {
  if (typeof field !== 'string' || !isOperator(op)) return [];
  const given: unknown[] = Array.isArray(values) ? values : [];
  return [{ field, op, values: given.filter((v): v is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof v)) }];
}

/** One filter, or none if the value is not one. A condition may be `[field, op, ...values]`. */
export function readFilter(value: unknown): Filter[] {
  if (Array.isArray(value)) {
    const [field, op, ...values] = value as unknown[];
    return condition(field, op, values);
  }
  if (!isObject(value)) return [];
  for (const group of ['and', 'or'] as const) {
    const members = value[group];
    if (!Array.isArray(members)) continue;
    const read = members.flatMap(readFilter);
    if (read.length === 0) return [];
    return [group === 'and' ? { and: read } : { or: read }];
  }
  return condition(value.field, value.op, value.values);
}

/** Filters as the API may leave parts of them out. */
export const normalise = (filters: unknown): Filter[] => (Array.isArray(filters) ? filters.flatMap(readFilter) : []);

/** The short form for the address. */
export function writeFilter(filter: Filter): string {
  return JSON.stringify(isCondition(filter) ? [filter.field, filter.op, ...filter.values] : filter);
}
