import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { UNTOUCHED, type Files } from './disk.ts';
import { readLines } from './lines.ts';
import type { OutsideChange, SimulatorWorld } from './outside.ts';

/**
 * The file that keeps the outside world: one line of JSON a change, the last line about an object
 * being all there is to know of it. A change is in the file before it holds, so a killed server
 * loses nothing; a line torn by the kill was never acknowledged and is dropped. When most lines
 * are outdated the file is written anew beside the old one, a little in each turn, and put in its
 * place by a rename.
 */
export interface WorldFile {
  close(): void;
}

const HEADER = '{"simulatorWorld":1}';

/** Outdated lines that are not worth a new file. */
const TOLERATED_LINES = 1_000;

/** Objects written in one turn of making the file anew. */
const OBJECTS_A_TURN = 500;

/** Reads the outside world from its file, and from now on writes its changes down there. */
export function openWorldFile(path: string, outside: SimulatorWorld, world: World): WorldFile {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(renewedPath(path), { force: true });
  const journal = openJournal(path, outside);
  const renewAfter = TOLERATED_LINES;
  const state: State = { path, outside, world, journal, renewal: null, renewAfter, closed: false };
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

interface State {
  readonly path: string;
  readonly outside: SimulatorWorld;
  readonly world: World;
  journal: Journal;
  /** The file being made anew: it gets every change too. */
  renewal: Journal | null;
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
  const { renewal } = state;
  if (renewal !== null) renew(state, () => append(renewal, line));
  else if (isMostlyOutdated(state)) beginRenewal(state);
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

function beginRenewal(state: State): void {
  renew(state, () => {
    rmSync(renewedPath(state.path), { force: true });
    const renewal: Journal = { fd: openSync(renewedPath(state.path), 'a'), length: 0, lines: 0 };
    state.renewal = renewal;
    append(renewal, HEADER);
    continueRenewal(state, renewal, everything(state.outside));
  });
}

/** Does a part of making the file anew; if it fails, the old file stays, and stays good. */
function renew(state: State, part: () => void): void {
  try {
    part();
  } catch {
    if (state.renewal !== null) closeSync(state.renewal.fd);
    state.renewal = null;
    state.renewAfter = state.journal.lines + TOLERATED_LINES;
  }
}

/** All there is, each as the change that made it what it is. */
function* everything(outside: SimulatorWorld): Generator<OutsideChange> {
  for (const cluster of outside.clusters()) yield { cluster };
  for (const set of outside.sets()) yield { set };
}

function continueRenewal(state: State, renewal: Journal, rest: Iterator<OutsideChange>): void {
  state.world.soon(() => {
    if (state.closed || state.renewal !== renewal) return;
    renew(state, () => {
      if (copy(renewal, rest)) endRenewal(state, renewal);
      else continueRenewal(state, renewal, rest);
    });
  });
}

/** Copies some of the rest; true when there is no more. */
function copy(renewal: Journal, rest: Iterator<OutsideChange>): boolean {
  for (let count = 0; count < OBJECTS_A_TURN; count += 1) {
    const next = rest.next();
    if (next.done === true) return true;
    append(renewal, JSON.stringify(next.value));
  }
  return false;
}

function endRenewal(state: State, renewal: Journal): void {
  fsyncSync(renewal.fd);
  renameSync(renewedPath(state.path), state.path);
  closeSync(state.journal.fd);
  state.journal = renewal;
  state.renewal = null;
  state.renewAfter = TOLERATED_LINES;
}

function close(state: State): void {
  if (state.closed) return;
  state.closed = true;
  closeSync(state.journal.fd);
  if (state.renewal !== null) closeSync(state.renewal.fd);
}
