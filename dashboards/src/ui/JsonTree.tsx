/** A JSON value as a tree that opens and closes, with reasons next to bad parts. */
import type { Json } from '../api/types';

interface NodeProps {
  name?: string;
  value: Json;
  pointer: string;
  depth: number;
  reasons: ReadonlyMap<string, string>;
}

const escapeToken = (token: string) => token.replace(/~/g, '~0').replace(/\//g, '~1');

function Scalar({ value }: { value: string | number | boolean | null }) {
  if (typeof value === 'string') return <span className="j-string">{JSON.stringify(value)}</span>;
  if (typeof value === 'number') return <span className="j-number">{value}</span>;
  return <span className="j-atom">{String(value)}</span>;
}

function Node({ name, value, pointer, depth, reasons }: NodeProps) {
  const reason = reasons.get(pointer);
  const label = name === undefined ? null : <><span className="j-key">{name}</span>: </>;
  const note = reason === undefined ? null : <span className="j-reason">{reason}</span>;
  if (value === null || typeof value !== 'object') {
    return <li><span className={reason === undefined ? undefined : 'j-bad'}>{label}<Scalar value={value} /></span>{note}</li>;
  }
  const entries: [string, Json][] = Array.isArray(value) ? value.map((v, i) => [String(i), v]) : Object.entries(value);
  const summary = Array.isArray(value) ? `[${value.length}]` : `{${entries.length}}`;
  // A missing field is told at the object that lacks it.
  const missing = [...reasons].filter(([at]) => {
    const prefix = `${pointer}/`;
    if (!at.startsWith(prefix)) return false;
    const rest = at.slice(prefix.length);
    return !rest.includes('/') && !entries.some(([key]) => escapeToken(key) === rest);
  });
  return (
    <li>
      <details open={depth < 3}>
        <summary><span className={reason === undefined ? undefined : 'j-bad'}>{label}<span className="dim">{summary}</span></span>{note}</summary>
        <ul>
          {entries.map(([key, child]) => (
            <Node key={key} name={key} value={child} pointer={`${pointer}/${escapeToken(key)}`} depth={depth + 1} reasons={reasons} />
          ))}
          {missing.map(([at, message]) => (
            <li key={at}><span className="j-bad"><span className="j-key">{at.slice(pointer.length + 1)}</span>: <span className="dim">not there</span></span><span className="j-reason">{message}</span></li>
          ))}
        </ul>
      </details>
    </li>
  );
}

const none: ReadonlyMap<string, string> = new Map();

export function JsonTree({ value, reasons = none }: { value: Json; reasons?: ReadonlyMap<string, string> }) {
  return <div className="tree"><ul><Node value={value} pointer="" depth={0} reasons={reasons} /></ul></div>;
}
