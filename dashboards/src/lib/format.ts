/** Numbers, sizes and times as people read them, in the viewer's language and zone. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

export function formatNumber(value: number): string {
  return Number.isInteger(value) ? whole.format(value) : decimal.format(value);
}

export function formatCompact(value: number): string {
  return Math.abs(value) < 10_000 ? formatNumber(value) : compact.format(value);
}

export function formatPercent(share: number): string {
  const digits = share !== 0 && share < 0.1 ? 1 : 0;
  return new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: digits }).format(share);
}

/** Change against a value before; null where there is nothing to compare with. */
export function change(now: number, before: number): number | null {
  if (before === 0) return now === 0 ? 0 : null;
  return (now - before) / Math.abs(before);
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 }).format(value)} ${units[unit] ?? 'B'}`;
}

export function formatDuration(exact: number): string {
  if (exact < 1) return `${Math.round(exact * 1000)} ms`;
  const seconds = Math.round(exact);
  if (seconds < 60) return `${seconds} s`;
  const [size, unit, part, small] = seconds < 3600 ? [60, 'min', 1, 's'] as const : seconds < 86_400 ? [3600, 'h', 60, 'min'] as const : [86_400, 'd', 3600, 'h'] as const;
  const parts = Math.round(seconds / part);
  const per = size / part;
  const rest = parts % per;
  return `${Math.floor(parts / per)} ${unit}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'long' });
const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60],
];

/** "3 minutes ago"; under ten seconds "just now". */
export function formatRelative(time: Date, now: Date): string {
  const seconds = (time.getTime() - now.getTime()) / 1000;
  if (Math.abs(seconds) < 10) return 'just now';
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(Math.round(seconds), 'second');
}

const dateTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
});
const shortDateTime = new Intl.DateTimeFormat(undefined, {
  month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
});
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** Parses what the API sends; invalid text gives null instead of "Invalid Date". */
export function parseTime(text: string | null | undefined): Date | null {
  if (text === null || text === undefined || text === '') return null;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time;
}

export const formatDateTime = (time: Date): string => dateTime.format(time);
export const formatShortDateTime = (time: Date): string => shortDateTime.format(time);
export const formatClock = (time: Date): string => clock.format(time);

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function viewerTimeZone(): string {
  return zone;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

/** A name that can stand in an address: "Paid orders (EUR)" gives "paid-orders-eur". */
export function slugify(text: string, separator: '-' | '_' = '-'): string {
  const ascii = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return ascii.replace(/[^a-z0-9]+/g, separator).replace(new RegExp(`^\\${separator}+|\\${separator}+$`, 'g'), '').slice(0, 60);
}

/** A server's message as a sentence. */
export function sentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** A name as people write it, for who may not see its label: new_leads becomes New leads. */
export function humanise(name: string): string {
  return sentence(name.replace(/_+/g, ' ').trim());
}
