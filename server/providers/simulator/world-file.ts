import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ProviderError } from '../provider.ts';
import { UNTOUCHED, type Files } from './disk.ts';
import { readLines } from './lines.ts';
import type { OutsideChange, SimulatorWorld } from './outside.ts';

/**
 * The file that keeps the outside world: one line of JSON a change, the last line about an object
 * being all there is to know of it. A change is in the file before it holds, so a killed server
 * loses nothing; a line torn by the kill was never acknowledged and is dropped. When most lines
 * are outdated the file is made anew beside the old one, a few objects with each change, and put
 * in its place by a rename.
 */
export interface WorldFile {
  close(): void;
}

const HEADER = '{"simulatorWorld":1}';

/** Outdated lines that are not worth a new file. */
const TOLERATED_LINES = 1_000;

/** Objects that are copied to a new file with each change. */
const OBJECTS_A_CHANGE = 8;

/** Reads the outside world from its file, and from now on writes its changes down there. */
export function openWorldFile(path: string, outside: SimulatorWorld): WorldFile {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(renewedPath(path), { force: true });
  const journal = openJournal(path, outside);
  const renewAfter = TOLERATED_LINES;
  const state: State = { path, outside, journal, renewal: null, renewAfter, closed: false };
  outside.listen((change) => keep(state, change));
  return { close: () => close(state) };
}

/** An open file of changes. */
interface Journal {
  readonly fd: number;
  /** Its bytes and lines. */
  length: number;
  lines: number;
}

/** The file being made anew: it gets every change, and bit by bit all that was before. */
interface Renewal {
  readonly journal: Journal;
  readonly rest: Iterator<OutsideChange>;
}

interface State {
  readonly path: string;
  readonly outside: SimulatorWorld;
  journal: Journal;
  renewal: Renewal | null;
  /** The lines it may have before it is made anew for the outdated ones among them. */
  renewAfter: number;
  closed: boolean;
}

function openJournal(path: string, outside: SimulatorWorld): Journal {
  const journal: Journal = { fd: openSync(path, 'a+'), length: 0, lines: 0 };
  try {
    replay(path, journal, outside);
    ftruncateSync(journal.fd, journal.length);
    if (journal.lines === 0) append(journal, HEADER);
    return journal;
  } catch (error) {
    closeSync(journal.fd);
    throw error;
  }
}

/** Makes all whole lines hold, and leaves the journal's length at the end of the last. */
function replay(path: string, journal: Journal, outside: SimulatorWorld): void {
  const shared = new Map<string, Files>();
  for (const { text, end, isLast } of readLines(journal.fd)) {
    const value = parsed(text);
    if (journal.lines === 0 && value !== undefined && text !== HEADER) {
      throw new Error(`${path} is not a file of the simulator`);
    }
    if (journal.lines > 0 && isChange(value)) outside.replay(sharingFiles(value, shared));
    else if (text !== HEADER && isLast) return;
    else if (text !== HEADER) throw new Error(`${path}: line ${journal.lines + 1} is damaged`);
    journal.lines += 1;
    journal.length = end;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isChange(value: unknown): value is OutsideChange {
  if (typeof value !== 'object' || value === null) return false;
  return ['cluster', 'set', 'clusterGone', 'setGone'].some((key) => key in value);
}

/** Disks with the same content share it again, as they did before they were written down. */
function sharingFiles(change: OutsideChange, shared: Map<string, Files>): OutsideChange {
  const share = <T extends { readonly files: Files }>(disk: T): T => {
    if (Object.keys(disk.files).length === 0) return { ...disk, files: UNTOUCHED };
    const text = JSON.stringify(disk.files);
    const files = shared.get(text) ?? disk.files;
    shared.set(text, files);
    return { ...disk, files };
  };
  if ('cluster' in change) {
    return { cluster: { ...change.cluster, vms: change.cluster.vms.map(share) } };
  }
  if ('set' in change) return { set: { ...change.set, disks: change.set.disks.map(share) } };
  return change;
}

/** Writes one change down, wherever changes are written at present. */
function keep(state: State, change: OutsideChange): void {
  if (state.closed) throw new ProviderError('the simulator is closed', { retryable: true });
  const line = JSON.stringify(change);
  append(state.journal, line);
  if (state.renewal !== null || isMostlyOutdated(state)) renew(state, line);
}

function isMostlyOutdated({ journal, outside, renewAfter }: State): boolean {
  return journal.lines > Math.max(2 * outside.size, renewAfter);
}

/** Appends a line whole or not at all. */
function append(journal: Journal, line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(journal.fd, bytes, written);
  } catch (error) {
    ftruncateSync(journal.fd, journal.length);
    const reason = `the simulator cannot write its world file: ${String(error)}`;
    throw new ProviderError(reason, { retryable: true, cause: error });
  }
  journal.length += bytes.length;
  journal.lines += 1;
}

function renewedPath(path: string): string {
  return `${path}.renewed`;
}

/** Makes the file anew, a little further; if that fails the old one stays, and stays good. */
function renew(state: State, line: string): void {
  try {
    state.renewal ??= beginRenewal(state);
    const { journal, rest } = state.renewal;
    // In this order: what is copied is as it was before this change, which then overrules it.
    const isComplete = copy(journal, rest);
    append(journal, line);
    if (isComplete) endRenewal(state, journal);
  } catch {
    if (state.renewal !== null) closeSync(state.renewal.journal.fd);
    state.renewal = null;
    state.renewAfter = state.journal.lines + TOLERATED_LINES;
  }
}

function beginRenewal({ path, outside }: State): Renewal {
  rmSync(renewedPath(path), { force: true });
  const fd = openSync(renewedPath(path), 'a');
  const journal: Journal = { fd, length: 0, lines: 0 };
  append(journal, HEADER);
  return { journal, rest: everything(outside) };
}

/** Copies some of the rest; true when there is no more. */
function copy(journal: Journal, rest: Iterator<OutsideChange>): boolean {
  for (let count = 0; count < OBJECTS_A_CHANGE; count += 1) {
    const next = rest.next();
    if (next.done === true) return true;
    append(journal, JSON.stringify(next.value));
  }
  return false;
}

/** All there is, each as the change that made it what it is. */
function* everything(outside: SimulatorWorld): Generator<OutsideChange> {
  for (const cluster of outside.clusters()) yield { cluster };
  for (const set of outside.sets()) yield { set };
}

function endRenewal(state: State, renewed: Journal): void {
  renameSync(renewedPath(state.path), state.path);
  closeSync(state.journal.fd);
  state.journal = renewed;
  state.renewal = null;
  state.renewAfter = TOLERATED_LINES;
}

function close(state: State): void {
  if (state.closed) return;
  state.closed = true;
  closeSync(state.journal.fd);
  if (state.renewal !== null) closeSync(state.renewal.journal.fd);
}
