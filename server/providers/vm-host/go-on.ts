import type { ClusterRef } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { freeMiB } from './disk-trouble.ts';
import type { Host } from './host.ts';
import { isRunning } from './running-vm.ts';
import { type VmRecord, readRecord, writeRecord } from './vm-record.ts';

const GO_ON_ATTEMPTS = 5;
const GO_ON_PAUSE_MS = 50;

/** The status of a VM that was stopped because the disk that its own is on is full. */
export const NO_ROOM = 'io-error';
/** With less room than this a VM that goes on would soon stand again. */
const ROOM_MIB = 64;

/**
 * Lets a VM that was stopped to be captured go on. Nothing is more important: it is tried again,
 * and a VM that still stands is found by the next look at it, because its record says so.
 */
export async function goOn(host: Host, record: VmRecord, attempts = GO_ON_ATTEMPTS): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { control } = await host.links.to(record);
      await control.resume();
      if (record.state === 'PAUSED') await control.pause();
      break;
    } catch (error) {
      if (!isRunning(record) || attempt === attempts) throw error;
      await host.world.sleep(GO_ON_PAUSE_MS);
    }
  }
  if (record.stoppedFor !== null) writeRecord(host.folders, { ...record, stoppedFor: null });
}

/**
 * Lets the VMs of a cluster go on that stand though nobody is at them: a capture left them, or the
 * disk of this machine was full and now is not. To be called in the turn of the cluster.
 */
export async function letGoOn(host: Host, { vms }: ClusterRef): Promise<void> {
  for (const { name } of vms) {
    const record = readRecord(host.folders, name);
    if (record === null || !isRunning(record)) continue;
    await letVmGoOn(host, record).catch((error: unknown) => {
      if (!(error instanceof ProviderError)) throw error;
      host.log(`${name} stands still: ${error.reason}`);
    });
  }
}

async function letVmGoOn(host: Host, record: VmRecord): Promise<void> {
  const { control } = await host.links.to(record);
  const isFull = (await control.status()) === NO_ROOM;
  if (isFull && (await freeMiB(host.folders.vms)) < ROOM_MIB) return;
  if (isFull || record.stoppedFor !== null) await goOn(host, record, 1);
}
