import type { ImportStatus } from '../../api/imports';

const words: Record<ImportStatus['state'], string> = { running: 'Running', done: 'Done', failed: 'Failed', interrupted: 'Interrupted' };
const tones: Record<ImportStatus['state'], string> = { running: 'status-waiting', done: 'status-good', failed: 'status-bad', interrupted: 'status-warn' };

export function ImportState({ state }: { state: ImportStatus['state'] }) {
  return <span className={`status ${tones[state]}`}>{words[state]}</span>;
}
