import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Server, type Socket, createServer } from 'node:net';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { DiskSwitch, Taking, VmSite } from '../vm-host/hypervisor.ts';
import type { StoredFile } from '../vm-host/set-store.ts';
import { connectWhen } from '../vm-host/socket.ts';
import { type Limit, within } from '../vm-host/within.ts';
import { layerName, layerNode } from './command-line.ts';
import type { Qmp, QmpEvent } from './qmp.ts';

/** Between whom the state of devices moves, and how long it may take. */
interface Transfer {
  readonly world: World;
  readonly vm: VmSite;
  readonly qmp: Qmp;
  readonly ms: number;
}

/** What of a VM moves: its devices alone, where its memory is a file already, or all of it. */
type Extent = 'DEVICES' | 'ALL';

/** No guest of ours is large enough to be held up by this: without it QEMU saves the network. */
const BYTES_PER_SECOND = 2 ** 36;
const WRITE_AHEAD_BYTES = 8 * 1024 * 1024;

/**
 * Takes the state of a stopped VM's devices into a file, hashed on the way. Its memory is not in
 * it: that is a file already. The way through a socket of ours works in every version of QEMU and
 * with a sandbox that lets it start no programs.
 */
export async function captureDevices(
  transfer: Transfer,
  file: string,
  signal: AbortSignal,
): Promise<StoredFile> {
  return send(transfer, file, signal, () => prepare(transfer.qmp, 'DEVICES'));
}

/**
 * Stops a VM that may run and takes all of it into a file. Everything that can be made ready is
 * made ready before it is stopped; whoever calls lets it go on, however this ends.
 */
export async function captureAll(
  transfer: Transfer,
  { file, disk }: Omit<Taking, 'memoryMiB'>,
  signal: AbortSignal,
): Promise<StoredFile> {
  const { qmp } = transfer;
  try {
    // The guest stands still meanwhile: what took too long is not done to it again.
    return await send({ ...transfer, onlyOnce: true }, file, signal, async () => {
      await prepare(qmp, 'ALL');
      if (disk !== undefined) await addLayer(qmp, disk);
      await qmp.order('stop');
      if (disk !== undefined) await switchTo(qmp, disk);
    });
  } catch (error) {
    await qmp.order('migrate_cancel').catch(() => null);
    throw error;
  }
}

/** Opens the next layer beside the disk. One that an attempt opened before is of no use. */
async function addLayer(qmp: Qmp, { path, at }: DiskSwitch): Promise<void> {
  await qmp.order('blockdev-del', { 'node-name': layerName(at) }).catch(() => null);
  const node = layerNode({ path, format: 'qcow2' }, at, null);
  await qmp.order('blockdev-add', { ...node, discard: 'unmap' });
}

/** From now on the guest writes to that layer, and those below never change again. */
async function switchTo(qmp: Qmp, { at }: DiskSwitch): Promise<void> {
  await qmp.order('blockdev-snapshot', { node: layerName(at - 1), overlay: layerName(at) });
}

async function send(
  { world, vm, qmp, ms, onlyOnce }: Transfer & Pick<Limit, 'onlyOnce'>,
  file: string,
  signal: AbortSignal,
  ready: () => Promise<void>,
): Promise<StoredFile> {
  const path = vm.files.transfer;
  const limit = { what: `Capturing ${vm.record.name}`, ms, signal, onlyOnce };
  const over = new AbortController();
  try {
    await rm(path, { force: true });
    const server = createServer({ pauseOnConnect: true }).listen({ path, signal: over.signal });
    await once(server, 'listening');
    const stored = firstStream(server, file, over.signal);
    // Nobody heeds it when something else fails before it is waited for.
    stored.catch(() => null);
    const end = qmp.next(isEnd, over.signal);
    await ready();
    await qmp.order('migrate', { uri: `unix:${path}` });
    const [taken] = await within(world, Promise.all([stored, moved(end)]), limit);
    return taken;
  } catch (error) {
    throw told(limit.what, error);
  } finally {
    over.abort();
  }
}

/** Gives a VM that waits for it the state of its devices. It is stopped when that is loaded. */
export function loadDevices(
  transfer: Transfer,
  devices: Buffer,
  signal: AbortSignal,
): Promise<void> {
  return receive(transfer, 'DEVICES', signal, async (socket) => {
    socket.end(devices);
  });
}

/** Gives a VM that waits for it all that it is, and refuses a file that is not what was taken. */
export function loadAll(
  transfer: Transfer,
  file: string,
  taken: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  return receive(transfer, 'ALL', signal, async (socket) => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      if (!socket.write(chunk)) await drained(socket);
    }
    socket.end();
    if (hash.digest('hex') === taken.sha256) return;
    throw new ProviderError(`${file} is not what was captured`, { retryable: false });
  });
}

/** Resolves when a stream takes more, or never will again. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
    if (stream.destroyed) done();
  });
}

async function receive(
  { world, vm, qmp, ms }: Transfer,
  extent: Extent,
  signal: AbortSignal,
  give: (socket: Socket) => Promise<void>,
): Promise<void> {
  const { transfer } = vm.files;
  const limit = { what: `Restoring ${vm.record.name}`, ms, signal };
  const over = new AbortController();
  try {
    const end = qmp.next(isEnd, over.signal);
    await prepare(qmp, extent);
    await qmp.order('migrate-incoming', { uri: `unix:${transfer}` });
    const socket = await connectWhen(world, transfer, vm.isUp, limit);
    over.signal.addEventListener('abort', () => socket.destroy());
    await within(world, Promise.all([give(socket), moved(end)]), limit);
  } catch (error) {
    throw told(limit.what, error);
  } finally {
    over.abort();
  }
}

/** Memory that is a file already moves only where all is to move. The end is told as an event. */
async function prepare(qmp: Qmp, extent: Extent): Promise<void> {
  const capabilities = [
    { capability: 'x-ignore-shared', state: extent === 'DEVICES' },
    { capability: 'events', state: true },
  ];
  await qmp.order('migrate-set-capabilities', { capabilities });
  if (extent === 'DEVICES') return;
  await qmp.order('migrate-set-parameters', { 'max-bandwidth': BYTES_PER_SECOND });
}

/** A disk that is full, a file that is gone, a process that ended: nothing of it is a bug. */
function told(what: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new ProviderError(`${what}: ${said}`, { retryable: true, cause: error });
}

function isEnd({ name, data }: QmpEvent): boolean {
  return name === 'MIGRATION' && ['completed', 'failed'].includes(String(data['status']));
}

async function moved(end: Promise<QmpEvent | null>): Promise<void> {
  const event = await end;
  if (event?.data['status'] === 'completed') return;
  const how = event === null ? ': the connection closed' : '';
  throw new ProviderError(`QEMU could not move the state of the VM${how}`, { retryable: true });
}

/** Stores what comes over the first connection, until that is given up. */
function firstStream(server: Server, file: string, until: AbortSignal): Promise<StoredFile> {
  return new Promise((resolve, reject) => {
    server.once('connection', (socket) => {
      until.addEventListener('abort', () => socket.destroy());
      store(socket, file).then(resolve, reject);
    });
    server.on('error', reject);
  });
}

async function store(socket: Socket, path: string): Promise<StoredFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  // What comes while one piece is written is written together: the VM waits for this.
  const options = { flags: 'wx', mode: 0o600, highWaterMark: WRITE_AHEAD_BYTES };
  const file = createWriteStream(path, options);
  const written = finished(file);
  // Without its file the state goes nowhere: QEMU need not send the rest.
  written.catch(() => socket.destroy());
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      if (!file.write(chunk)) await drained(file);
    }
  } catch (error) {
    const reason = file.errored ?? error;
    file.destroy();
    throw reason;
  }
  file.end();
  await written;
  return { bytes, sha256: hash.digest('hex') };
}
