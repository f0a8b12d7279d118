/** A server with real VMs, in a process of its own, and what its VMs use of the machine. */
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { findByArgument } from '../server/providers/vm-host/process.ts';
import { launch, type PinnedProcess } from './pinned-process.ts';

/** A server with VMs that runs. */
export interface VmServer extends PinnedProcess {
  readonly stateFolder: string;
}

/** What one VM uses of the machine's memory, in MiB. */
export interface VmMemory {
  /** Its own: what would be free without it. */
  readonly own: number;
  /** Of what it shares with others, its part. */
  readonly shared: number;
}

const MIB = 1_024 * 1_024;

/** Starts a server whose images are those of this folder. It has no pools. */
export async function startVmServer(folder: string, images: string): Promise<VmServer> {
  const stateFolder = join(folder, 'vms');
  mkdirSync(stateFolder);
  symlinkSync(images, join(stateFolder, 'images'));
  const poolsFile = join(folder, 'pools.yaml');
  writeFileSync(poolsFile, '[]');
  const running = await launch({
    args: [join(import.meta.dirname, '../bin/snapyard.js')],
    log: join(folder, 'server.log'),
    everyCore: true,
    env: {
      SNAPYARD_HOST: '127.0.0.1',
      SNAPYARD_PORT: '0',
      SNAPYARD_DB: join(folder, 'server.db'),
      SNAPYARD_STATE: stateFolder,
      SNAPYARD_POOLS: poolsFile,
      SNAPYARD_TOKENS: '',
      SNAPYARD_ORIGINS: '',
      SNAPYARD_LOG: 'warn',
    },
  });
  return { ...running, stateFolder };
}

const record = z.object({ uuid: z.string() });

function processesOf(stateFolder: string): number[] {
  return readdirSync(join(stateFolder, 'vms')).flatMap((name) => {
    try {
      const text = readFileSync(join(stateFolder, 'vms', name, 'vm.json'), 'utf8');
      return findByArgument(record.parse(JSON.parse(text)).uuid)?.pid ?? [];
    } catch {
      // It has gone meanwhile.
      return [];
    }
  });
}

/** What each VM uses of the memory now; none where the system does not tell. */
export function memoryOfVms(stateFolder: string): VmMemory[] {
  return processesOf(stateFolder).flatMap((pid) => {
    try {
      return memoryOf(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    } catch {
      return [];
    }
  });
}

function memoryOf(rollup: string): VmMemory {
  const kilobytes = (name: string) =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
  const own = kilobytes('Private_Clean') + kilobytes('Private_Dirty');
  return { own: own / 1_024, shared: (kilobytes('Pss') - own) / 1_024 };
}

/** What the files of each VM, or of each set, take of the disk, in MiB. */
export function diskOf(stateFolder: string, kind: 'sets' | 'vms'): number[] {
  return foldersIn(join(stateFolder, kind)).map((folder) => {
    const files = readdirSync(folder).map((name) => join(folder, name));
    return files.reduce((sum, file) => sum + blocksOf(file), 0) / MIB;
  });
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder).map((name) => join(folder, name));
}

/** Not the length: most of a memory's file is not there. */
function blocksOf(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

/** Ends what a run that failed has left: exactly the processes of the VMs in this folder. */
export function endVms(stateFolder: string): void {
  for (const pid of processesOf(stateFolder)) process.kill(pid, 'SIGKILL');
}
