import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createFirecrackerProvider,
  type FirecrackerOptions,
} from '../../server/providers/firecracker/provider.ts';
import type { Provider } from '../../server/providers/provider.ts';
import { IMAGE_FORMAT, type ImageManifest } from '../../server/providers/vm-host/image-manifest.ts';
import { realWorld } from '../../server/world.ts';
import type { Fault } from '../firecracker/fake.ts';
import { FIXTURE } from '../firecracker/fixture.ts';

const FAKE = fileURLToPath(new URL('../firecracker/fake.ts', import.meta.url));
const COMPILED = fileURLToPath(
  new URL('../../node_modules/.cache/fake-firecracker', import.meta.url),
);
const PROGRAM = 0o755;

/** The installation whose VMs tests make. */
export const INSTALLATION = 'installation-1';

/** A Firecracker program, images for it, and a folder for its VMs. */
export interface FirecrackerPlace {
  readonly binary: string;
  readonly imageDir: string;
  readonly stateDir: string;
}

/** A fake Firecracker as a program on the disk, and an image for it. */
export interface FakeFirecracker extends FirecrackerPlace {
  readonly folder: string;
  /** From now on it is of this release: of processes that run already too, as far as they ask. */
  setRelease(release: string): void;
  /** What goes wrong from now on, by call. */
  setFaults(faults: Readonly<Record<string, Fault>>): void;
  close(): void;
}

/** Puts a fake Firecracker in a folder of its own, with a path short enough for sockets. */
export function fakeFirecracker(release = FIXTURE.release): FakeFirecracker {
  const fake = existingFake(mkdtempSync(join(tmpdir(), 'fc-')));
  writeFileSync(fake.binary, program(fake.folder), { mode: PROGRAM });
  writeImage(fake.imageDir);
  fake.setRelease(release);
  return fake;
}

/** The fake that was put in a folder. */
export function existingFake(folder: string): FakeFirecracker {
  return {
    folder,
    binary: join(folder, 'firecracker'),
    imageDir: join(folder, 'images'),
    stateDir: join(folder, 's'),
    setRelease: (text) => writeFileSync(join(folder, 'release'), text),
    setFaults: (faults) => writeFileSync(join(folder, 'faults.json'), JSON.stringify(faults)),
    close: () => rmSync(folder, { recursive: true }),
  };
}

/**
 * The shell tells the version itself, and else becomes the program: one process, with the start
 * time of the first. What the program is compiled to is kept for the next.
 */
function program(folder: string): string {
  const release = `"Firecracker v$(cat ${join(folder, 'release')})"`;
  const run = `${process.execPath} ${FAKE} --fake ${folder} "$@"`;
  return [
    '#!/bin/sh',
    `[ "$1" != --version ] || exec echo ${release}`,
    `NODE_COMPILE_CACHE=${COMPILED} exec ${run}`,
    '',
  ].join('\n');
}

/** A provider before a Firecracker program. */
export function firecrackerOn(
  { binary, stateDir, imageDir }: FirecrackerPlace,
  { settings, ...options }: Partial<FirecrackerOptions> = {},
): Promise<Provider> {
  return createFirecrackerProvider({
    world: realWorld(),
    stateDir,
    imageDir,
    installation: INSTALLATION,
    // Tests share the machine with others.
    settings: { binary, wakeMs: 10_000, answerMs: 10_000, greetingMs: 5_000, ...settings },
    ...options,
  });
}

/** What a fake machine starts from: files that are there, and no more. */
function writeImage(imageDir: string): void {
  const folder = join(imageDir, 'base@1');
  mkdirSync(folder, { recursive: true });
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { name, bytes: content.length, sha256 };
  };
  const manifest: ImageManifest = {
    format: IMAGE_FORMAT,
    name: 'base',
    imageVersion: 1,
    parent: null,
    arch: 'amd64',
    source: 'BUILT',
    digest: `sha256:${'0'.repeat(64)}`,
    programs: 'none',
    packages: [],
    contents: [],
    boot: {
      kind: 'LAYERS',
      kernel: file('vmlinux', '\x7fELF: a kernel'),
      kernelVersion: '6.1.0',
      layers: [file('root.cpio', 'a root file system')],
      commandLine: 'console=ttyS0 quiet panic=-1',
    },
    sizeBytes: 1,
    compressedBytes: null,
    createdAt: 0,
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}
