import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { VmSite } from '../vm-host/hypervisor.ts';
import { hasScreen } from '../vm-host/fittings.ts';
import { isRecord } from '../vm-host/json-file.ts';
import { connectWhen } from '../vm-host/socket.ts';
import type { Limit } from '../vm-host/within.ts';
import { CONSOLE } from './command-line.ts';
import type { Qmp } from './qmp.ts';

/** A VM to which a stream is opened. */
interface Target {
  readonly world: World;
  readonly vm: VmSite;
  readonly qmp: Qmp;
}

const RING = 'ringbuf';

/**
 * Connects to the guest's serial line. Until the first time its other end is the ring in memory
 * that tells why a boot failed, and from then on a socket, for the life of the process. What the
 * guest writes while nobody is connected to that is dropped: nothing is kept for the next to read.
 */
export async function openSerial({ world, vm, qmp }: Target, limit: Limit): Promise<Socket> {
  const path = vm.files.serial;
  if ((await consoleOf(qmp)).startsWith(RING)) {
    const addr = { type: 'unix', data: { path } };
    const backend = { type: 'socket', data: { addr, server: true, wait: false } };
    await qmp.order('chardev-change', { id: CONSOLE, backend });
  }
  return connectWhen(world, path, vm.isUp, limit);
}

/** Connects to the guest's screen, on which RFB is spoken. */
export async function openScreen({ world, vm }: Target, limit: Limit): Promise<Socket> {
  const { record, files } = vm;
  if (!hasScreen(record)) {
    throw refused(`${record.name} has no screen: its machine has a serial line only`);
  }
  if (!existsSync(files.screen)) {
    const since = 'it was started by a version that showed none';
    throw refused(`The screen of ${record.name} cannot be seen until its next reset: ${since}`);
  }
  return connectWhen(world, files.screen, vm.isUp, limit);
}

/** What the guest's serial line ends in, in QEMU's words. */
async function consoleOf(qmp: Qmp): Promise<string> {
  const answer = await qmp.order('query-chardev');
  const all: readonly unknown[] = Array.isArray(answer) ? answer : [];
  const found = all.find((each) => isRecord(each) && each['label'] === CONSOLE);
  return isRecord(found) ? String(found['filename']) : '';
}

function refused(reason: string): ProviderError {
  return new ProviderError(reason, { retryable: false });
}
