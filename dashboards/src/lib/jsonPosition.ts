/**
 * Finds where in a JSON text the value of a JSON pointer (RFC 6901) stands, so
 * that a refusal can be shown next to what it is about. The text may be broken or
 * cut off: then the deepest part that could be read is the answer.
 */

export interface Range {
  /** Offsets in UTF-16 units, as editors count. */
  from: number;
  to: number;
}

interface Cursor {
  text: string;
  at: number;
}

class Stop extends Error {}

function skipSpace(c: Cursor): void {
  while (c.at < c.text.length && /\s/.test(c.text.charAt(c.at))) c.at++;
}

function readString(c: Cursor): string {
  const start = c.at;
  if (c.text.charAt(c.at) !== '"') throw new Stop();
  c.at++;
  while (c.at < c.text.length) {
    const char = c.text.charAt(c.at);
    if (char === '\\') c.at += 2;
    else if (char === '"') {
      c.at++;
      try {
        return JSON.parse(c.text.slice(start, c.at)) as string;
      } catch {
        throw new Stop();
      }
    } else c.at++;
  }
  throw new Stop();
}

function skipValue(c: Cursor): void {
  skipSpace(c);
  const char = c.text.charAt(c.at);
  if (char === '"') {
    readString(c);
  } else if (char === '{' || char === '[') {
    const close = char === '{' ? '}' : ']';
    c.at++;
    for (;;) {
      skipSpace(c);
      const next = c.text.charAt(c.at);
      if (next === '') throw new Stop();
      if (next === close) {
        c.at++;
        return;
      }
      if (next === ',' || next === ':') c.at++;
      else skipValue(c);
    }
  } else {
    const rest = /^[^\s,\]}[{:"]+/.exec(c.text.slice(c.at, c.at + 1024));
    if (rest === null) throw new Stop();
    c.at += rest[0].length;
  }
}

export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer.split('/').slice(1).map((token) => token.replace(/~1/g, '/').replace(/~0/g, '~'));
}

/**
 * Returns the value's range; with `key: true` the found member's name counts as
 * part of it. `exact` is false if only a container of it was found, which is the
 * case for a missing field.
 */
export function locate(text: string, pointer: string): Range & { exact: boolean } {
  const tokens = parsePointer(pointer);
  const c: Cursor = { text, at: 0 };
  skipSpace(c);
  let range: Range = { from: c.at, to: text.length };
  try {
    range = measure(c);
    for (const token of tokens) {
      const found = enter(c, token);
      if (found === null) return { ...firstToken(text, range), exact: false };
      range = found;
    }
    return { ...range, exact: true };
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { ...firstToken(text, range), exact: false };
  }
}

/** The range of the value at the cursor, which stays at its start. */
function measure(c: Cursor): Range {
  skipSpace(c);
  const from = c.at;
  try {
    skipValue(c);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    c.at = c.text.length;
  }
  const to = c.at;
  c.at = from;
  return { from, to };
}

/** Moves the cursor to a member or element; null if there is none. */
function enter(c: Cursor, token: string): Range | null {
  const open = c.text.charAt(c.at);
  if (open !== '{' && open !== '[') return null;
  c.at++;
  for (let index = 0; ; index++) {
    skipSpace(c);
    const char = c.text.charAt(c.at);
    if (char === '' || char === '}' || char === ']') return null;
    if (open === '{') {
      const name = readString(c);
      skipSpace(c);
      if (c.text.charAt(c.at) !== ':') throw new Stop();
      c.at++;
      skipSpace(c);
      if (name === token) return measure(c);
    } else if (String(index) === token) {
      return measure(c);
    }
    skipValue(c);
    skipSpace(c);
    if (c.text.charAt(c.at) === ',') c.at++;
  }
}

/** A container's opening bracket is enough to mark: nobody wants all of it red. */
function firstToken(text: string, range: Range): Range {
  const char = text.charAt(range.from);
  return char === '{' || char === '[' ? { from: range.from, to: range.from + 1 } : range;
}

/** The UTF-16 offset of a byte offset of the text's UTF-8. */
export function offsetOfByte(text: string, byte: number): number {
  let bytes = 0;
  let at = 0;
  for (const char of text) {
    if (bytes >= byte) break;
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    at += char.length;
  }
  return at;
}
