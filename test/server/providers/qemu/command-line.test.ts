import { expect, test } from 'vitest';
import {
  devices,
  qemuArguments,
  type Hardware,
  type Machine,
} from '../../../../server/providers/qemu/command-line.ts';

const hardware: Hardware = {
  machine: 'pc-q35-7.2',
  cpu: 'max',
  accel: 'tcg',
  cpuCores: 1,
  memoryMiB: 128,
};
const restored: Machine = {
  name: 'vm-micro-1',
  uuid: '11111111-1111-4111-8111-111111111111',
  files: {
    folder: '/s/vms/a,b',
    record: '/s/vms/a,b/vm.json',
    control: '/s/vms/a,b/control.sock',
    agent: '/s/vms/a,b/agent.sock',
    transfer: '/s/vms/a,b/move.sock',
    log: '/s/vms/a,b/process.log',
    serial: '/s/vms/a,b/serial.sock',
    screen: '/s/vms/a,b/screen.sock',
  },
  hardware,
  canOpenReadOnly: false,
  size: { cpuCores: 1, memoryMiB: 128 },
  memory: { kind: 'CLONED', file: '/s/sets/1/standalone.ram' },
  start: { kind: 'RESTORE' },
};
const booted: Machine = {
  ...restored,
  memory: { kind: 'CAPTURED', file: '/s/sets/1/standalone.ram' },
  start: { kind: 'BOOT', kernel: '/i/vmlinux', root: '/i/root', commandLine: 'quiet panic=-1' },
};

test('a restored VM waits, paused, for the state of its devices, on a copy of the memory', () => {
  const argv = qemuArguments(restored);
  expect(argv.slice(-3)).toEqual(['-S', '-incoming', 'defer']);
  expect(argv).toContain(
    'memory-backend-file,id=ram0,size=128M,mem-path=/s/sets/1/standalone.ram,share=off',
  );
  expect(argv).not.toContain('-kernel');
});

test('a captured VM boots on the file that becomes the snapshot', () => {
  const argv = qemuArguments(booted);
  expect(argv).toContain(
    'memory-backend-file,id=ram0,size=128M,mem-path=/s/sets/1/standalone.ram,share=on',
  );
  expect(argv.slice(-2)).toEqual(['-append', 'quiet panic=-1']);
});

test('the memory is opened read-only where QEMU can', () => {
  const memory = { kind: 'CLONED', file: '/ram' } as const;
  expect(qemuArguments({ ...restored, memory, canOpenReadOnly: true })).toContain(
    'memory-backend-file,id=ram0,size=128M,mem-path=/ram,share=off,readonly=on,rom=off',
  );
  const anonymous = qemuArguments({ ...restored, memory: { kind: 'ANONYMOUS' } });
  expect(anonymous).toContain('memory-backend-ram,id=ram0,size=128M');
});

test('a comma in a path does not end the path', () => {
  expect(qemuArguments(restored)).toContain(
    'socket,id=agent0,path=/s/vms/a,,b/agent.sock,server=on,wait=off',
  );
});

test('both have the same devices, and VMs run in a sandbox', () => {
  const parts = devices(hardware).join('\n');
  for (const machine of [restored, booted]) {
    const argv = qemuArguments(machine);
    expect(argv.join('\n')).toContain(parts);
    expect(argv[argv.indexOf('-sandbox') + 1]).toContain('spawn=deny');
  }
});

test('a disk is told file by file, each over the one below, and only the last is written', () => {
  const fittings = {
    disk: { bytes: 2 ** 20, bus: 'IDE', format: 'vpc' },
    platform: { machine: 'pc-i440fx-7.2', video: 'cirrus', agent: false },
  } as const;
  const argv = qemuArguments({
    ...restored,
    hardware: { ...hardware, fittings },
    layers: [
      { path: '/v/disk0', format: 'vpc' },
      { path: '/v/a,b/disk1', format: 'qcow2' },
      { path: '/v/disk2', format: 'qcow2' },
    ],
  });
  const told = argv.flatMap((word, at): unknown[] =>
    argv[at - 1] === '-blockdev' ? [JSON.parse(word)] : [],
  );
  const file = (filename: string) => ({ driver: 'file', filename });
  expect(told).toEqual([
    { driver: 'vpc', 'node-name': 'layer0', file: file('/v/disk0'), 'read-only': true },
    {
      driver: 'qcow2',
      'node-name': 'layer1',
      file: file('/v/a,b/disk1'),
      backing: 'layer0',
      'read-only': true,
    },
    {
      driver: 'qcow2',
      'node-name': 'layer2',
      file: file('/v/disk2'),
      backing: 'layer1',
      discard: 'unmap',
    },
  ]);
  expect(argv).toContain('pc-i440fx-7.2,memory-backend=ram0');
  expect(argv).toContain('ide-hd,id=disk0,drive=layer2');
  expect(argv).toContain('cirrus-vga');
  // Without an agent nothing of it is in the machine, but its socket is there to be held.
  expect(argv.join(' ')).not.toContain('virtserialport');
  expect(argv.join(' ')).toContain('socket,id=agent0');
});

test('a machine with a display is seen at a socket, which is no part of what it is', () => {
  const disk = { bytes: 2 ** 20, bus: 'IDE', format: 'raw' } as const;
  const platform = { machine: 'pc-i440fx-7.2', video: 'std', agent: false } as const;
  const shown = { ...hardware, fittings: { disk, platform } };
  const argv = qemuArguments({ ...restored, hardware: shown });
  expect(argv[argv.indexOf('-vnc') + 1]).toBe('unix:/s/vms/a,,b/screen.sock,share=ignore');
  expect(devices(shown)).not.toContain('-vnc');
  for (const without of [hardware, { ...hardware, fittings: { disk, platform: null } }]) {
    expect(qemuArguments({ ...restored, hardware: without })).not.toContain('-vnc');
  }
});

test('the accelerator, the CPU and the sizes are told', () => {
  const argv = devices({ ...hardware, accel: 'kvm', cpu: 'host', cpuCores: 2, memoryMiB: 256 });
  expect(argv[argv.indexOf('-accel') + 1]).toBe('kvm');
  expect(argv[argv.indexOf('-cpu') + 1]).toBe('host');
  expect(argv[argv.indexOf('-smp') + 1]).toBe('2');
  expect(argv[argv.indexOf('-m') + 1]).toBe('256');
});
