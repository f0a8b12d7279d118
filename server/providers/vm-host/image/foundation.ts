import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from './build-error.ts';
import { guestFiles, initramfs } from './initramfs.ts';
import { kernelElf } from './kernel.ts';
import { WANTED_MODULES, kernelModules } from './kernel-modules.ts';
import { unpackBasePackages } from './packages.ts';
import { type Content, hashOf } from './version-folder.ts';

// The last two skip self-tests and tables that cost a second each on an emulated CPU.
const COMMAND_LINE = [
  'console=ttyS0 quiet panic=-1 nokaslr mitigations=off no5lvl cryptomgr.notests',
  'initcall_blacklist=load_system_certificate_list,init_kprobe_trace',
].join(' ');

/** The small Linux that every image begins with, and what it is made of. */
export interface Foundation {
  readonly content: Content;
  readonly packages: readonly string[];
}

/** Makes it from Debian's packages; `folder` is where they are unpacked. */
export async function makeFoundation(folder: string, signal: AbortSignal): Promise<Foundation> {
  const { root, names } = await unpackBasePackages(folder, signal);
  const { version, kernel } = findKernel(root);
  const content: Content = {
    kernel: { kind: 'DATA', data: kernelElf(kernel) },
    kernelVersion: version,
    commandLine: COMMAND_LINE,
    layers: [{ kind: 'DATA', data: initramfs(root, kernelModules(root, version)) }],
  };
  return { content, packages: names };
}

/** A name for what we put into it ourselves: another one, and it should be built again. */
export function ourPrograms(): string {
  const modules = JSON.stringify(WANTED_MODULES);
  return hashOf([COMMAND_LINE, modules, ...guestFiles().map(({ data }) => data)]);
}

function findKernel(root: string): { version: string; kernel: Buffer } {
  const prefix = 'vmlinuz-';
  const name = readdirSync(join(root, 'boot')).find((file) => file.startsWith(prefix));
  if (name === undefined) throw new BuildError('the kernel package holds no vmlinuz');
  return { version: name.slice(prefix.length), kernel: readFileSync(join(root, 'boot', name)) };
}
