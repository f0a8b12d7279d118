import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { VmRole } from '../../../schema/model/template.ts';
import { VM_ROLES } from '../../../schema/model/template.ts';
import { type OutsideObject, ProviderError, type SnapshotMaking } from '../provider.ts';
import { allocatedBy, layersFound, layersOfSet } from './disk/layers.ts';
import { type Fittings, mayBeFittings } from './fittings.ts';
import { type Folders, draftFolder, setFolder } from './folders.ts';
import { isRecord, readJson } from './json-file.ts';
import { isMissing, unread } from './unread.ts';
import { isOutsideObject } from './vm-record.ts';

const FORMAT = 1;
const MANIFEST = 'manifest.json';

/** A file of a set and how to know it again. */
export interface StoredFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** The golden state of one role: its memory, and the state of its devices. */
export interface StoredSnapshot {
  readonly role: VmRole;
  /** Everything that must be equal on restore, as one text. */
  readonly machine: string;
  readonly memory: StoredFile;
  readonly devices: StoredFile;
  /** What the machine has besides CPUs and memory; left out, nothing. */
  readonly fittings?: Fittings | undefined;
  /** The files of its disk, from the lowest; left out, it has none. */
  readonly layers?: readonly StoredFile[] | undefined;
}

/** What a set is, in a file beside its snapshots. It never changes once it is published. */
export interface StoredSet {
  readonly format: number;
  readonly installation: string;
  readonly object: OutsideObject;
  readonly image: string;
  /** The program and version that captured it. */
  readonly hypervisor: string;
  readonly createdAt: number;
  readonly snapshots: readonly StoredSnapshot[];
  /** What it is made of, where there was a choice. */
  readonly made?: SnapshotMaking | undefined;
}

/** A set as it is begun: without snapshots. */
export function newSet(set: Omit<StoredSet, 'format' | 'snapshots'>): StoredSet {
  return { ...set, format: FORMAT, snapshots: [] };
}

/** Where the files of a role are in a set's folder. */
export function snapshotFiles(folder: string, role: VmRole): { memory: string; devices: string } {
  const stem = role.toLowerCase();
  return { memory: join(folder, `${stem}.ram`), devices: join(folder, `${stem}.state`) };
}

/** The path of the file that describes the set in a folder. */
export function manifestFile(folder: string): string {
  return join(folder, MANIFEST);
}

/** The published set with this id; null when there is none. */
export function readSet(folders: Folders, id: string): StoredSet | null {
  return readManifest(setFolder(folders, id));
}

/** The set with this id that is being made; null when there is none. */
export function readDraft(folders: Folders, id: string): StoredSet | null {
  return readManifest(draftFolder(folders, id));
}

/** What describes the set in a folder; null when it is not there or not readable. */
export function readManifest(folder: string): StoredSet | null {
  const value = readJson(manifestFile(folder));
  return isStoredSet(value) ? value : null;
}

/** The devices' state, read and compared with what was captured. */
export async function readDevices(folder: string, snapshot: StoredSnapshot): Promise<Buffer> {
  const path = snapshotFiles(folder, snapshot.role).devices;
  const data = await readFile(path).catch((error: unknown) => {
    throw notRead(path, error);
  });
  const sha256 = createHash('sha256').update(data).digest('hex');
  if (sha256 !== snapshot.devices.sha256) throw damaged(path, 'is not what was captured');
  return data;
}

/**
 * Compares memory and disks with what was captured. A published file is never written again, so
 * the hundred megabytes are read once for each version of the file that is found.
 */
export class MemoryProofs {
  readonly #proofs = new Map<string, Promise<void>>();

  async prove(folder: string, snapshot: StoredSnapshot): Promise<void> {
    const { role, memory, layers = [] } = snapshot;
    await this.#proveFile(snapshotFiles(folder, role).memory, memory);
    const place = layersOfSet(folder, role);
    for (const [at, layer] of layers.entries()) await this.#proveFile(place(at), layer);
  }

  async #proveFile(path: string, stored: StoredFile): Promise<void> {
    const found = await stat(path).catch((error: unknown) => {
      throw notRead(path, error);
    });
    if (found.size !== stored.bytes) throw damaged(path, 'has another size');
    const version = `${found.ino} ${found.mtimeMs} ${stored.sha256}`;
    const known = this.#proofs.get(version) ?? compare(path, stored);
    this.#proofs.set(version, known);
    try {
      await known;
    } catch (error) {
      this.#proofs.delete(version);
      throw error;
    }
  }
}

async function compare(path: string, stored: StoredFile): Promise<void> {
  const { sha256 } = await describeFile(path).catch((error: unknown) => {
    // A set may be removed while it is read.
    throw notRead(path, error);
  });
  if (sha256 !== stored.sha256) throw damaged(path, 'is not what was captured');
}

/** The size and the hash of a file. */
export async function describeFile(path: string): Promise<StoredFile> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** What a snapshot takes on the disk: its memory is stored without the pages never used. */
export async function allocatedBytes(folder: string, role: VmRole): Promise<number> {
  const { memory, devices } = snapshotFiles(folder, role);
  return allocatedBy([memory, devices, ...layersFound(layersOfSet(folder, role))]);
}

/** Only what is not there is lost: what cannot be read now may well be read tomorrow. */
function notRead(path: string, error: unknown): ProviderError {
  return isMissing(error) ? damaged(path, 'is missing', error) : unread(path, error);
}

/** No repeat helps: whoever wanted it takes another set, and this one is given up. */
function damaged(path: string, how: string, cause?: unknown): ProviderError {
  const reason = `The snapshot is damaged: ${path} ${how}`;
  return new ProviderError(reason, { retryable: false, lostSet: true, cause });
}

function isStoredSet(value: unknown): value is StoredSet {
  return (
    isRecord(value) &&
    value['format'] === FORMAT &&
    ['installation', 'image', 'hypervisor'].every((key) => typeof value[key] === 'string') &&
    typeof value['createdAt'] === 'number' &&
    isOutsideObject(value['object']) &&
    Array.isArray(value['snapshots']) &&
    value['snapshots'].every(isStoredSnapshot)
  );
}

function isStoredSnapshot(value: unknown): value is StoredSnapshot {
  return (
    isRecord(value) &&
    VM_ROLES.some((role) => role === value['role']) &&
    typeof value['machine'] === 'string' &&
    isStoredFile(value['memory']) &&
    isStoredFile(value['devices']) &&
    mayBeFittings(value['fittings']) &&
    (value['layers'] === undefined ||
      (Array.isArray(value['layers']) && value['layers'].every(isStoredFile)))
  );
}

/** Whether a value read from a file describes one. */
export function isStoredFile(value: unknown): value is StoredFile {
  return (
    isRecord(value) && typeof value['bytes'] === 'number' && typeof value['sha256'] === 'string'
  );
}
