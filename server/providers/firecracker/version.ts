import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const VERSION_MS = 10_000;

/** Of which Firecracker the provider makes use. */
export interface FirecrackerVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly text: string;
}

/** The releases whose API was read for this provider; others may have another one. */
const OLDEST = '1.12';
/** The newest of them. */
const NEWEST = '1.17';

/** The version in a text such as `Firecracker v1.16.1`; null when there is none. */
export function parseVersion(said: string): FirecrackerVersion | null {
  const found = /v?(\d+)\.(\d+)\.(\d+)(?:-[\w.]+)?/.exec(said);
  if (found === null) return null;
  const [text, major, minor, patch] = found;
  const numbers = { major: Number(major), minor: Number(minor), patch: Number(patch) };
  return { ...numbers, text: text.replace(/^v/, '') };
}

/** The version of a Firecracker program; null when it is not there or does not say. */
export async function firecrackerVersion(binary: string): Promise<FirecrackerVersion | null> {
  try {
    const { stdout } = await execute(binary, ['--version'], { timeout: VERSION_MS });
    return parseVersion(stdout);
  } catch {
    return null;
  }
}

/** Why a version cannot be used, as the end of a sentence; null when it can. */
export function faultOfVersion(version: FirecrackerVersion): string | null {
  if (isBefore(version, OLDEST)) return `too old: it has to be ${OLDEST} to ${NEWEST}`;
  const isNewer = version.major > 1 || version.minor > Number(NEWEST.split('.')[1]);
  return isNewer ? `newer than what this was written for: ${OLDEST} to ${NEWEST}` : null;
}

/**
 * What of loading a snapshot a version knows. A field it does not know is refused, and with it the
 * whole call.
 */
export function loadAbilities(version: FirecrackerVersion): {
  readonly vsockOverride: boolean;
  readonly clockRealtime: boolean;
} {
  return {
    vsockOverride: !isBefore(version, '1.16'),
    clockRealtime: !isBefore(version, '1.15.1'),
  };
}

/** Releases before another. */
export function isBefore(version: FirecrackerVersion, release: string): boolean {
  const [major = 0, minor = 0, patch = 0] = release.split('.').map(Number);
  const one = [version.major, version.minor, version.patch];
  const other = [major, minor, patch];
  const index = one.findIndex((number, at) => number !== other[at]);
  return index >= 0 && (one[index] ?? 0) < (other[index] ?? 0);
}
