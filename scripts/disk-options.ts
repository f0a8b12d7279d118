import { resolve } from 'node:path';
import { IMAGE_NAME } from '../schema/model/image.ts';
import { type DiskOrder, nameOfDisk } from '../server/providers/vm-host/disk/import.ts';
import { DISK_MACHINE } from '../server/providers/vm-host/image-manifest.ts';
import { UsageError } from './usage-error.ts';

/** The words of a command line that say what becomes of a disk. */
export const DISK_OPTIONS = {
  'disk-image': { type: 'string' },
  name: { type: 'string' },
  machine: { type: 'string' },
  bus: { type: 'string' },
  video: { type: 'string' },
  ready: { type: 'string' },
  'with-agent': { type: 'boolean' },
} as const;

/** What the command line may say of a disk; all are left out where there is none. */
export interface DiskWords {
  readonly 'disk-image'?: string | undefined;
  readonly name?: string | undefined;
  readonly machine?: string | undefined;
  readonly bus?: string | undefined;
  readonly video?: string | undefined;
  readonly ready?: string | undefined;
  readonly 'with-agent'?: boolean | undefined;
}

const BUSES = new Map([
  ['ide', 'IDE'],
  ['virtio', 'VIRTIO'],
] as const);
const VIDEOS = new Map([
  ['std', 'std'],
  ['cirrus', 'cirrus'],
] as const);
/** The machine that old systems know, as every supported QEMU has it. */
const MACHINE = 'pc-i440fx-7.2';
/** An emulated CPU is slow: a system may need minutes to start. */
const READY = '20,10,900';
const LONGEST_SECONDS = 86_400;

/** What is to become of the disk that a command line names; undefined where it names none. */
export function readDisk(words: DiskWords): DiskOrder | undefined {
  const { 'disk-image': path, machine = MACHINE, ready = READY } = words;
  if (path === undefined) return refuseLeftOver(words);
  const name = words.name ?? nameOfDisk(path);
  if (name === undefined) throw new UsageError('--name: the file has no name for an image');
  if (!IMAGE_NAME.test(name)) throw new UsageError(`"${name}" cannot be the name of an image`);
  if (!DISK_MACHINE.test(machine)) {
    throw new UsageError(`"${machine}" is no machine with its version, such as ${MACHINE}`);
  }
  return {
    name,
    path: resolve(path),
    machine,
    bus: chosen('bus', BUSES, words.bus ?? 'ide'),
    video: chosen('video', VIDEOS, words.video ?? 'std'),
    ready: readReady(ready),
    agent: words['with-agent'] === true,
  };
}

function refuseLeftOver(words: DiskWords): undefined {
  const [left] = Object.keys(DISK_OPTIONS).filter((key) => Object.hasOwn(words, key));
  if (left !== undefined) throw new UsageError(`--${left} says nothing without --disk-image`);
  return undefined;
}

function chosen<T>(option: string, choices: ReadonlyMap<string, T>, word: string): T {
  const found = choices.get(word);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} is one of ${[...choices.keys()].join(', ')}, not "${word}"`);
}

function readReady(text: string): DiskOrder['ready'] {
  const wrong = new UsageError(`--ready is MIN,QUIET,MAX in whole seconds, not "${text}"`);
  if (!/^\d{1,5},\d{1,5},\d{1,5}$/.test(text)) throw wrong;
  const [minSeconds = 0, quietSeconds = 0, maxSeconds = 0] = text.split(',').map(Number);
  const isInOrder = minSeconds <= maxSeconds && quietSeconds <= maxSeconds;
  if (!isInOrder || maxSeconds === 0 || maxSeconds > LONGEST_SECONDS) throw wrong;
  return { quietSeconds, minSeconds, maxSeconds };
}
