import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type Server, type Socket, createServer } from 'node:net';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { VmSite } from '../vm-host/hypervisor.ts';
import type { StoredFile } from '../vm-host/set-store.ts';
import { connectWhen } from '../vm-host/socket.ts';
import { within } from '../vm-host/within.ts';
import type { Qmp } from './qmp.ts';

/** Between whom the state of devices moves, and how long it may take. */
interface Transfer {
  readonly world: World;
  readonly vm: VmSite;
  readonly qmp: Qmp;
  readonly ms: number;
}

/**
 * Takes the state of a stopped VM's devices into a file, hashed on the way. Its memory is not in
 * it: that is a file already. The way through a socket of ours works in every version of QEMU and
 * with a sandbox that lets it start no programs.
 */
export async function captureDevices(
  { world, vm, qmp, ms }: Transfer,
  file: string,
  signal: AbortSignal,
): Promise<StoredFile> {
  const { transfer } = vm.files;
  const server = createServer({ pauseOnConnect: true });
  const incoming = firstConnection(server);
  await new Promise<void>((resolve) => server.listen(transfer, resolve));
  try {
    const done = migrationEnd(qmp);
    await prepare(qmp);
    await qmp.order('migrate', { uri: `unix:${transfer}` });
    const limit = { what: `Capturing ${vm.record.name}`, ms, signal };
    const work = incoming.then((socket) => store(socket, file));
    const [stored] = await within(world, Promise.all([work, done]), limit);
    return stored;
  } finally {
    server.close();
  }
}

/** Gives a VM that waits for it the state of its devices. It is stopped when that is loaded. */
export async function loadDevices(
  { world, vm, qmp, ms }: Transfer,
  devices: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { transfer } = vm.files;
  const limit = { what: `Restoring ${vm.record.name}`, ms, signal };
  const done = migrationEnd(qmp);
  await prepare(qmp);
  await qmp.order('migrate-incoming', { uri: `unix:${transfer}` });
  const socket = await connectWhen(world, transfer, vm.isUp, limit);
  try {
    socket.end(devices);
    await within(world, done, limit);
  } finally {
    socket.destroy();
  }
}

/** Shared memory is not part of a migration, and its end is told as an event. */
async function prepare(qmp: Qmp): Promise<void> {
  const names = ['x-ignore-shared', 'events'];
  const capabilities = names.map((capability) => ({ capability, state: true }));
  await qmp.order('migrate-set-capabilities', { capabilities });
}

async function migrationEnd(qmp: Qmp): Promise<void> {
  const ends = ['completed', 'failed'];
  const end = await qmp.next(
    ({ name, data }) => name === 'MIGRATION' && ends.includes(String(data['status'])),
  );
  if (end?.data['status'] === 'completed') return;
  throw new ProviderError('QEMU could not move the state of the devices', { retryable: true });
}

function firstConnection(server: Server): Promise<Socket> {
  return new Promise((resolve, reject) => {
    server.once('connection', resolve);
    server.once('error', reject);
  });
}

async function store(socket: Socket, path: string): Promise<StoredFile> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}
