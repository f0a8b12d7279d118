import { existsSync } from 'node:fs';
import type { VmRole } from '../../../schema/model/template.ts';
import type { VmOrigin } from '../../../schema/model/vm-handle.ts';
import { VM_ROLES } from '../../../schema/model/template.ts';
import { VM_ORIGINS } from '../../../schema/model/vm-handle.ts';
import type { OutsideObject } from '../provider.ts';
import { type Folders, listNames, vmFiles } from './folders.ts';
import { type Fittings, mayBeFittings } from './fittings.ts';
import { isRecord, readJson, writeJson } from './json-file.ts';
import type { ProcessId } from './process.ts';

const FORMAT = 1;
const STATES = ['MAKING', 'PAUSED', 'WAKING', 'AWAKE'] as const;

/**
 * How far a VM is: MAKING until its guest has answered and is paused, PAUSED in the pool, WAKING
 * from the moment its hand-over is intended, AWAKE when it was handed over.
 */
export type VmState = (typeof STATES)[number];

/**
 * What is known of one VM, in a file beside its sockets. It is written before the process is
 * started, so that whoever finds a process of ours finds out what it is for.
 */
export interface VmRecord {
  readonly format: number;
  readonly installation: string;
  readonly fence: number;
  /** The cluster it belongs to, or the set that is captured from it. */
  readonly owner: OutsideObject;
  readonly role: VmRole;
  readonly name: string;
  /** Also on the command line of the process, by which it is found. */
  readonly uuid: string;
  readonly process: ProcessId | null;
  readonly state: VmState;
  /** The set it was restored from; null when it was booted from an image. */
  readonly setId: string | null;
  readonly origin: VmOrigin;
  /** The session it was handed to. */
  readonly session: string | null;
  readonly machineId: string;
  /** The turn marks in the guest when it last ran; exact while it is paused. */
  readonly marks: readonly string[];
  /** The set for which it stands still, though it should run: it is to go on whatever happens. */
  readonly stoppedFor: string | null;
  readonly fittings?: Fittings | undefined;
}

/** What a new record needs to be told. */
export type NewVm = Pick<
  VmRecord,
  'installation' | 'fence' | 'owner' | 'role' | 'name' | 'uuid' | 'setId' | 'origin' | 'machineId'
>;

/** The record of a VM that is about to be made. */
export function newRecord(vm: NewVm): VmRecord {
  const fresh = { process: null, state: 'MAKING', session: null, marks: [] } as const;
  return { ...vm, ...fresh, format: FORMAT, stoppedFor: null };
}

/** What is known of the VM with this name; null when there is none. */
export function readRecord(folders: Folders, name: string): VmRecord | null {
  const value = readJson(vmFiles(folders, name).record);
  return isVmRecord(value) ? value : null;
}

/** Stores what is known of a VM. */
export function writeRecord(folders: Folders, record: VmRecord): VmRecord {
  writeJson(vmFiles(folders, record.name).record, record);
  return record;
}

/** Whether something is in the place of this VM that is not a record we can read. */
export function isUnreadable(folders: Folders, name: string): boolean {
  return existsSync(vmFiles(folders, name).folder) && readRecord(folders, name) === null;
}

/** All records there are, of every installation. */
export function listRecords(folders: Folders): VmRecord[] {
  const records = listNames(folders.vms).map((name) => readRecord(folders, name));
  return records.filter((record) => record !== null);
}

/** The VMs of one cluster, or those a set is captured from. */
export function recordsOf(folders: Folders, owner: Pick<OutsideObject, 'kind' | 'id'>): VmRecord[] {
  return listRecords(folders).filter(
    (record) => record.owner.kind === owner.kind && record.owner.id === owner.id,
  );
}

/** Whether a value read from a file names an object of ours. */
export function isOutsideObject(value: unknown): value is OutsideObject {
  return (
    isRecord(value) &&
    (value['kind'] === 'CLUSTER' || value['kind'] === 'SET') &&
    [value['id'], value['name'], value['poolId']].every((field) => typeof field === 'string')
  );
}

function isVmRecord(value: unknown): value is VmRecord {
  return (
    isRecord(value) &&
    value['format'] === FORMAT &&
    ['installation', 'name', 'uuid', 'machineId'].every((key) => typeof value[key] === 'string') &&
    ['setId', 'session', 'stoppedFor'].every(
      (key) => value[key] === null || typeof value[key] === 'string',
    ) &&
    typeof value['fence'] === 'number' &&
    isOutsideObject(value['owner']) &&
    isOneOf(VM_ROLES, value['role']) &&
    isOneOf(STATES, value['state']) &&
    isOneOf(VM_ORIGINS, value['origin']) &&
    isProcess(value['process']) &&
    mayBeFittings(value['fittings']) &&
    Array.isArray(value['marks']) &&
    value['marks'].every((mark) => typeof mark === 'string')
  );
}

function isOneOf(values: readonly string[], value: unknown): boolean {
  return typeof value === 'string' && values.includes(value);
}

function isProcess(value: unknown): boolean {
  if (value === null) return true;
  return (
    isRecord(value) && typeof value['pid'] === 'number' && typeof value['startedAt'] === 'string'
  );
}
