import { readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { GuestMemory } from './guest.ts';

const MAGIC = 'fake-firecracker';
/** The real one writes all of the guest's memory; ours is small, and filled up with zeros. */
const MEMORY_BYTES = 256 * 1024;

/** What of a machine is in the file of its state. */
export interface MachineState {
  /** The format of snapshots, which every release has its own of. */
  readonly format: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** The path of the guest's vsock, as it was given. */
  readonly vsockPath: string | null;
}

/** Writes a state with a checksum behind it. */
export function writeState(path: string, state: MachineState): void {
  const body = Buffer.from(`${MAGIC}${JSON.stringify(state)}`);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(body));
  writeFileSync(path, Buffer.concat([body, sum]));
}

/** Reads a state; refuses one whose checksum is another, and one of another format. */
export function readState(path: string, format: string): MachineState {
  const data = readFileSync(path);
  const body = data.subarray(0, -4);
  if (data.length < 4 || crc32(body) !== data.readUInt32LE(data.length - 4)) {
    throw new Error('Failed to restore: the checksum of the state is not right');
  }
  const state = JSON.parse(body.toString('utf8').slice(MAGIC.length)) as MachineState;
  if (state.format === format) return state;
  throw new Error(`Failed to restore: snapshot format ${state.format}, not ${format}`);
}

/** Writes a guest's memory. */
export function writeMemory(path: string, memory: GuestMemory): void {
  const data = Buffer.from(JSON.stringify(memory));
  writeFileSync(path, Buffer.concat([data, Buffer.alloc(MEMORY_BYTES - data.length)]));
}

/** Reads a guest's memory, which nothing protects: what is damaged gives a guest that is. */
export function readMemory(path: string): GuestMemory {
  const data = readFileSync(path);
  if (data.length < MEMORY_BYTES) throw new Error('The memory file is shorter than the memory');
  const end = data.indexOf(0);
  return JSON.parse(data.subarray(0, end).toString('utf8')) as GuestMemory;
}
