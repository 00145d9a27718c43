/** Statements that were run in this browser, newest first. */

export interface Ran {
  query: string;
  at: string;
  ok: boolean;
  rows?: number;
}

const name = 'tributary.sql-history';
const kept = 50;

export function remember(history: Ran[], ran: Ran): Ran[] {
  return [ran, ...history.filter((h) => h.query.trim() !== ran.query.trim())].slice(0, kept);
}

function isRan(x: unknown): x is Ran {
  return typeof x === 'object' && x !== null && 'query' in x && typeof x.query === 'string' && 'at' in x && typeof x.at === 'string';
}

export function loadHistory(storage: Pick<Storage, 'getItem'>): Ran[] {
  try {
    const parsed: unknown = JSON.parse(storage.getItem(name) ?? '[]');
    if (!Array.isArray(parsed)) return [];
    return parsed.filter(isRan);
  } catch {
    return [];
  }
}

export function storeHistory(storage: Pick<Storage, 'setItem'>, history: Ran[]): void {
  try {
    storage.setItem(name, JSON.stringify(history));
  } catch {
    // A full or forbidden storage only costs the history.
  }
}
