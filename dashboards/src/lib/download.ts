/** Saving what the server answers as a file. */

interface SavePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{ createWritable: () => Promise<WritableStream<Uint8Array>> }>;
}

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Saves an answer of any length. Browsers that can write to a file do so while it
 * arrives; the others hold it first. Returns false if the person called it off.
 */
export async function saveAnswer(ask: () => Promise<Response>, name: string): Promise<boolean> {
  const picker = (window as unknown as SavePicker).showSaveFilePicker;
  if (picker === undefined) {
    saveBlob(await (await ask()).blob(), name);
    return true;
  }
  let file: WritableStream<Uint8Array>;
  try {
    file = await (await picker.call(window, { suggestedName: name })).createWritable();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return false;
    throw error;
  }
  const answer = await ask();
  if (answer.body === null) {
    await file.close();
    return true;
  }
  await answer.body.pipeTo(file); // an answer that breaks off leaves no file
  return true;
}
