import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isMissing, unread } from './unread.ts';

/** Whether a value read from outside is an object with named fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a JSON file holds; undefined when it is not there or not JSON. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw unread(path, error);
  }
}

/**
 * Writes a JSON file at once or not at all. Not forced to the disk: these files describe
 * processes, and a machine that loses power loses those with them. What it leaves torn is removed
 * at the next start.
 */
export function writeJson(path: string, value: unknown): void {
  const draft = `${path}.new`;
  try {
    writeFileSync(draft, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
