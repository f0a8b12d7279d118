import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { BuildError } from './build-error.ts';
import { unpackXz } from './kernel.ts';

/** How the host reaches the agent in a guest: by a port of a serial device, or by vsock. */
export type AgentWay = 'SERIAL' | 'VSOCK';

/** What the guest needs to find the agent's port and a disk, unless its kernel has it built in. */
export const WANTED_MODULES: Readonly<Record<AgentWay, readonly string[]>> = {
  SERIAL: ['virtio_pci', 'virtio_console', 'virtio_blk'],
  VSOCK: ['virtio_mmio', 'vmw_vsock_virtio_transport', 'virtio_rng'],
};

/** One module of the kernel, unpacked. */
export interface KernelModule {
  readonly name: string;
  readonly data: Buffer;
}

/**
 * The modules that the guest loads, each after those it depends on. A module names what it
 * depends on in a section of its own, so no index has to be made first.
 */
export function kernelModules(
  root: string,
  version: string,
): Readonly<Record<AgentWay, readonly KernelModule[]>> {
  const files = moduleFiles(root, version);
  return {
    SERIAL: withNeeded(files, WANTED_MODULES.SERIAL),
    VSOCK: withNeeded(files, WANTED_MODULES.VSOCK),
  };
}

function withNeeded(
  files: ReadonlyMap<string, string>,
  wanted: readonly string[],
): readonly KernelModule[] {
  const found = new Map<string, KernelModule>();
  const need = (name: string): void => {
    const file = files.get(name);
    if (found.has(name) || file === undefined) return;
    const data = readModule(file);
    dependencies(data).forEach(need);
    found.set(name, { name, data });
  };
  wanted.forEach(need);
  return [...found.values()];
}

function moduleFiles(root: string, version: string): Map<string, string> {
  const folder = ['lib', 'usr/lib']
    .map((lib) => join(root, lib, 'modules', version, 'kernel'))
    .find((path) => existsSync(path));
  if (folder === undefined)
    throw new BuildError(`the kernel package holds no modules (${version})`);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const modules = files.filter((file) => /\.ko(\.xz|\.zst)?$/.test(file));
  return new Map(modules.map((file) => [moduleName(file), join(folder, file)]));
}

function moduleName(file: string): string {
  return basename(file)
    .replace(/\.ko(\.xz|\.zst)?$/, '')
    .replaceAll('-', '_');
}

function readModule(file: string): Buffer {
  const data = readFileSync(file);
  if (file.endsWith('.xz')) return unpackXz(data);
  return file.endsWith('.zst') ? zstdDecompressSync(data) : data;
}

function dependencies(module: Buffer): string[] {
  const key = '\0depends=';
  const start = module.indexOf(key, 0, 'latin1');
  if (start < 0) return [];
  const end = module.indexOf(0, start + key.length);
  const names = module.toString('latin1', start + key.length, end).split(',');
  return names.filter((name) => name !== '').map((name) => name.replaceAll('-', '_'));
}
