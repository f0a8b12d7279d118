const KEPT_MS = 60_000;

/** Saves text as a file, as the browser saves any: from memory, so that no server is asked. */
export function download(fileName: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  // Some browsers read it only after a while, when they have asked where to put it.
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
