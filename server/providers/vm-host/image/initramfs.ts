import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from './build-error.ts';
import { type ArchiveEntry, writeCpio } from './cpio.ts';
import type { AgentWay, KernelModule } from './kernel-modules.ts';
import { settleProgram } from './settle-program.ts';
import { vsockProgram } from './vsock-program.ts';

const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'lib',
  'lib/modules',
  'lib/snapyard',
  'proc',
  'root',
  'run',
  'sbin',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'usr/sbin',
  'var',
  'var/lib',
  'var/log',
];
/** Stand in a script for the names of the modules. */
const MODULES: Readonly<Record<AgentWay, string>> = {
  SERIAL: '@SERIAL_MODULES@',
  VSOCK: '@VSOCK_MODULES@',
};
const PROGRAM = 0o755;
const TEXT = 0o644;

/** The guest's whole file system: busybox, what starts it, the agent, and the modules it needs. */
export function initramfs(
  root: string,
  modules: Readonly<Record<AgentWay, readonly KernelModule[]>>,
): Buffer {
  const all = new Map(
    Object.values(modules).flatMap((list) => list.map((each) => [each.name, each])),
  );
  return writeCpio([
    ...FOLDERS.map((path): ArchiveEntry => ({ kind: 'FOLDER', path })),
    { kind: 'DEVICE', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'DEVICE', path: 'dev/null', major: 1, minor: 3 },
    file('bin/busybox', busybox(root), PROGRAM),
    { kind: 'LINK', path: 'bin/sh', target: 'busybox' },
    ...guestFiles().map(({ path, data }) => file(path, filledIn(data, modules), PROGRAM)),
    file('etc/passwd', Buffer.from('root:x:0:0:root:/root:/bin/sh\n'), TEXT),
    file('etc/group', Buffer.from('root:x:0:\n'), TEXT),
    ...[...all.values()].map(({ name, data }) => file(`lib/modules/${name}.ko`, data, TEXT)),
  ]);
}

function file(path: string, data: Uint8Array, mode: number): ArchiveEntry {
  return { kind: 'FILE', path, data, mode };
}

/** Our own programs in the guest. */
export function guestFiles(): { readonly path: string; readonly data: Buffer }[] {
  const script = (name: string) => readFileSync(new URL(`guest/${name}`, import.meta.url));
  return [
    { path: 'init', data: script('init.sh') },
    { path: 'lib/snapyard/agent', data: script('agent.sh') },
    { path: 'lib/snapyard/settle', data: settleProgram() },
    { path: 'lib/snapyard/vsock', data: vsockProgram() },
  ];
}

function filledIn(
  data: Buffer,
  modules: Readonly<Record<AgentWay, readonly KernelModule[]>>,
): Buffer {
  if (!data.includes(MODULES.SERIAL)) return data;
  const named = (way: AgentWay) => modules[way].map(({ name }) => name).join(' ');
  const text = data.toString('utf8').replace(MODULES.SERIAL, named('SERIAL'));
  return Buffer.from(text.replace(MODULES.VSOCK, named('VSOCK')));
}

function busybox(root: string): Buffer {
  const path = ['bin', 'usr/bin'].map((bin) => join(root, bin, 'busybox')).find(existsSync);
  if (path === undefined) throw new BuildError('the busybox-static package holds no busybox');
  return readFileSync(path);
}
