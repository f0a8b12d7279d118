import { LONGEST_TIMER_MS } from '../../../world.ts';
import type { RunResult } from '../../provider.ts';
import type { Agent } from '../agent.ts';
import { gunzipSync } from 'node:zlib';
import { type ArchiveEntry, readCpio } from './cpio.ts';
import { BuildError } from './build-error.ts';
import { type Changes, REMOVED_FILE } from './layer.ts';

/** As much of a file as one answer of the agent carries, in letters. */
const PIECE = 384 * 1024;
const MOST_PACKED = 64 * 2 ** 20;
const MOST_UNPACKED = 512 * 2 ** 20;
const FOLDER = 4;
const FILE = 8;
const LINK = 10;

/** What lives only as long as a guest does, or is the agent's own. */
const NOT_KEPT = /^(proc|sys|dev|run|tmp|var\/lib\/snapyard)(\/|$)/;

// Names only: what is mounted on them is left out by -xdev.
const LIST = `find / -xdev -exec stat -c '%f %Z %s %u %g %n' {} + > /tmp/snapyard-list`;

/** The file system of a guest: for each path what tells that it was changed. */
export type Listing = ReadonlyMap<string, string>;

/** A guest whose commands are run and whose files are fetched. */
export interface BuildGuest {
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

/** Runs a command in the guest; how it ended is the caller's to judge. */
export function runIn(
  { agent, signal }: BuildGuest,
  argv: readonly string[],
  stdin = '',
): Promise<RunResult> {
  return agent.run(argv, stdin, { what: `Running ${argv[0] ?? ''}`, ms: LONGEST_TIMER_MS, signal });
}

/** Waits for the next second of the guest: what is changed from then on shows in a listing. */
export async function nextSecond(guest: BuildGuest): Promise<void> {
  await sh(guest, 'sleep 1');
}

/** Lists the guest's file system. */
export async function listFiles(guest: BuildGuest): Promise<Listing> {
  await sh(guest, LIST);
  return readListing((await fetchFile(guest, '/tmp/snapyard-list')).toString());
}

/** Reads what was listed; of folders only the mode and the owner count. */
export function readListing(text: string): Listing {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.endsWith(' /')) continue;
    const [, mode = '', changed, size, uid, gid, path = ''] =
      /^([0-9a-f]+) (\d+) (\d+) (\d+) (\d+) \/(.+)$/.exec(line) ?? [];
    if (path === '') throw new BuildError('a step made a file with a line break in its name');
    if (NOT_KEPT.test(path) || path === REMOVED_FILE || !isKept(mode)) continue;
    const more = kindOf(mode) === FOLDER ? '' : ` ${changed} ${size}`;
    found.set(path, `${mode} ${uid} ${gid}${more}`);
  }
  return found;
}

/** What is new or different, and what is gone; paths in order. */
export function compareListings(
  before: Listing,
  after: Listing,
): { changed: string[]; removed: string[] } {
  const changed = [...after].filter(([path, told]) => before.get(path) !== told);
  const removed = [...before.keys()].filter((path) => !after.has(path));
  return { changed: changed.map(([path]) => path).toSorted(), removed: removed.toSorted() };
}

/** Takes out of the guest what changed since it was listed. */
export async function takeChanges(guest: BuildGuest, before: Listing): Promise<Changes> {
  const { changed, removed } = compareListings(before, await listFiles(guest));
  if (changed.length === 0) return { entries: [], removed };
  const pack = 'cd / && cpio -o -H newc > /tmp/snapyard-changes 2> /dev/null';
  await sh(guest, pack, `${changed.join('\n')}\n`);
  const entries = readCpio(await fetchFile(guest, '/tmp/snapyard-changes'));
  return { entries: changed.map((path) => entryAt(entries, path)), removed };
}

function entryAt(entries: ReadonlyMap<string, ArchiveEntry>, path: string): ArchiveEntry {
  const entry = entries.get(path);
  if (entry === undefined) throw new BuildError(`/${path} went away while it was taken`);
  return entry;
}

/** Fetches a file of the guest, packed on the way. */
async function fetchFile(guest: BuildGuest, path: string): Promise<Buffer> {
  const size = Number(await sh(guest, `gzip -1 < ${path} > ${path}.gz && stat -c %s ${path}.gz`));
  if (!(size <= MOST_PACKED)) {
    throw new BuildError(`the steps changed more than ${MOST_PACKED} bytes, packed`);
  }
  const pieces: Buffer[] = [];
  for (let piece = 0; piece * PIECE < size; piece += 1) {
    const cut = `dd if=${path}.gz bs=${PIECE} skip=${piece} count=1 2> /dev/null | base64 -w 0`;
    pieces.push(Buffer.from(await sh(guest, cut), 'base64'));
  }
  return gunzipSync(Buffer.concat(pieces), { maxOutputLength: MOST_UNPACKED });
}

/** One of our own commands, which must succeed. */
async function sh(guest: BuildGuest, script: string, stdin = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await runIn(guest, ['sh', '-c', script], stdin);
  if (exitCode === 0) return stdout;
  throw new BuildError(`what the steps changed cannot be taken out: ${stderr.trim().slice(-200)}`);
}

function isKept(mode: string): boolean {
  return [FOLDER, FILE, LINK].includes(kindOf(mode));
}

function kindOf(mode: string): number {
  return Number.parseInt(mode, 16) >> 12;
}
