import { type DiskLayer, type Fittings, hasScreen } from '../vm-host/fittings.ts';
import type { VmPlan, Start } from '../vm-host/hypervisor.ts';
import type { Accelerator } from './settings.ts';

/** What a guest sees of its machine. A snapshot can be restored on exactly the same only. */
export interface Hardware {
  readonly machine: string;
  readonly cpu: string;
  readonly accel: Accelerator;
  readonly cpuCores: number;
  readonly memoryMiB: number;
  readonly fittings?: Fittings | undefined;
}

/** One VM as QEMU is told of it. */
export interface Machine extends VmPlan {
  readonly hardware: Hardware;
  /** Before 8.2 QEMU opens a clone's file for writing, or makes the guest's memory read-only. */
  readonly canOpenReadOnly: boolean;
}

/** The name of the port by which the agent in the guest is reached. */
const AGENT_PORT = 'snapyard.agent';
/** The identifier of the console's buffer in QEMU. */
export const CONSOLE = 'console0';

/**
 * The devices, in their order, without anything that differs from VM to VM. The console is a ring
 * in memory: a guest can write to it for ever and fills no disk. The cache of translated code is
 * capped, else it grows for the life of the VM. Where there is a disk, `top` is its upmost layer,
 * of which there are more with every capture.
 */
export function devices(hardware: Hardware, top = ''): string[] {
  const { machine, cpu, accel, cpuCores, memoryMiB, fittings } = hardware;
  return [
    ['-machine', `${fittings?.platform?.machine ?? machine},memory-backend=ram0`],
    ['-cpu', cpu, '-smp', String(cpuCores), '-m', String(memoryMiB)],
    // With one thread for all CPUs some VMs keep polling after they were paused.
    ['-accel', accel === 'kvm' ? 'kvm' : 'tcg,thread=multi,tb-size=32'],
    ['-chardev', `ringbuf,id=${CONSOLE},size=65536`, '-serial', `chardev:${CONSOLE}`],
    ...(fittings?.platform?.agent === false ? [] : agentDevices()),
    ...(fittings === undefined ? [] : fittedDevices(fittings, top)),
  ].flat();
}

function agentDevices(): string[][] {
  return [
    ['-device', 'virtio-serial-pci,id=serial0'],
    ['-device', `virtserialport,bus=serial0.0,chardev=agent0,name=${AGENT_PORT}`],
    ['-device', 'vmgenid,guid=auto'],
  ];
}

function fittedDevices({ disk, platform }: Fittings, top: string): string[][] {
  const device = disk.bus === 'IDE' ? 'ide-hd' : 'virtio-blk-pci';
  const drive = ['-device', `${device},id=disk0,drive=${top}`];
  if (platform === null) return [drive];
  return [['-device', platform.video === 'cirrus' ? 'cirrus-vga' : 'VGA'], drive];
}

/** How QEMU calls a layer of the disk, by its number from the lowest. */
export function layerName(at: number): string {
  return `layer${at}`;
}

/**
 * One layer as QEMU is told of it. What is below it is always said, so that nothing written in
 * the file decides which files QEMU opens.
 */
export function layerNode({ path, format }: DiskLayer, at: number, below: string | null) {
  const file = { driver: 'file', filename: path };
  const node = { driver: format, 'node-name': layerName(at), file };
  return format === 'qcow2' ? { ...node, backing: below } : node;
}

function diskArguments(layers: readonly DiskLayer[]): string[] {
  return layers.flatMap((layer, at) => {
    const node = layerNode(layer, at, at === 0 ? null : layerName(at - 1));
    const mode = at < layers.length - 1 ? { 'read-only': true } : { discard: 'unmap' };
    return ['-blockdev', JSON.stringify({ ...node, ...mode })];
  });
}

/** A process that has nothing it was not given, may start no programs and gain no rights. */
export const BARE: readonly string[] = [
  ['-nodefaults', '-no-user-config', '-display', 'none'],
  ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
].flat();

/** The whole command line: a pure function of the VM, so that it can be tested without one. */
export function qemuArguments(machine: Machine): string[] {
  const { name, uuid, files, hardware, layers = [] } = machine;
  return [
    [...BARE, '-name', name, '-uuid', uuid],
    ['-object', memoryBackend(machine)],
    monitor(files.control),
    ['-chardev', socket('agent0', files.agent)],
    diskArguments(layers),
    devices(hardware, layerName(layers.length - 1)),
    screen(machine),
    startArguments(machine.start),
  ].flat();
}

function memoryBackend({ memory, hardware, canOpenReadOnly }: Machine): string {
  const size = `id=ram0,size=${hardware.memoryMiB}M`;
  switch (memory.kind) {
    case 'ANONYMOUS':
      return `memory-backend-ram,${size}`;
    case 'CAPTURED':
      return `memory-backend-file,${size},mem-path=${escaped(memory.file)},share=on`;
    case 'CLONED': {
      const mode = canOpenReadOnly ? ',readonly=on,rom=off' : '';
      return `memory-backend-file,${size},mem-path=${escaped(memory.file)},share=off${mode}`;
    }
  }
}

/**
 * A guest that restarts or powers off ends its process. While it boots it is kept, stopped, so
 * that its console can tell why.
 */
function startArguments(start: Start): string[] {
  if (start.kind === 'RESTORE') return ['-action', 'reboot=shutdown', '-S', '-incoming', 'defer'];
  if (start.kind === 'BOOT_DISK') return ['-action', 'reboot=shutdown,shutdown=pause'];
  const kernel = ['-kernel', start.kernel, '-initrd', start.root, '-append', start.commandLine];
  return ['-action', 'reboot=shutdown,shutdown=pause', ...kernel];
}

/**
 * Where a machine with a display is seen. It is a socket in a folder of ours, so that there is no
 * password to keep and no port to guard; nobody who looks sends another away.
 */
function screen({ files, hardware }: Machine): string[] {
  if (!hasScreen(hardware)) return [];
  return ['-vnc', `unix:${escaped(files.screen)},share=ignore`];
}

/** The socket at which a process takes orders. */
export function monitor(path: string): string[] {
  return ['-chardev', socket('qmp0', path), '-mon', 'chardev=qmp0,mode=control'];
}

function socket(id: string, path: string): string {
  return `socket,id=${id},path=${escaped(path)},server=on,wait=off`;
}

/** QEMU ends an option's value at a comma, unless it is doubled. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
