import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { DiskProbe } from '../vm-host/disk/import.ts';
import { hasEnded, isAlive, killProcess, lastWords, startProcess } from '../vm-host/process.ts';
import { connectWhen } from '../vm-host/socket.ts';
import { BARE, monitor } from './command-line.ts';
import { Qmp } from './qmp.ts';

const DISK = 'disk';
/** QEMU reads a header and a table. */
const OPEN_MS = 20_000;
const END_MS = 1_000;

// The fields that a disk must not have are asked for by name.
const node = z.object({
  'node-name': z.string(),
  image: z.object({
    'virtual-size': z.int(),
    'backing-filename': z.undefined().optional(),
    encrypted: z.literal(false).optional(),
    'format-specific': z
      .object({ data: z.object({ 'data-file': z.undefined().optional() }) })
      .optional(),
  }),
});
const nodes = z.array(z.looseObject({ 'node-name': z.string() }));

/**
 * Lets QEMU itself say what a guest would see of a disk: it is what opens it later. A process that
 * has no machine and no CPU opens the disk read-only, answers and ends.
 */
export function qemuDiskProbe(world: World, binary: string): DiskProbe {
  return async ({ path, format }, work, signal) => {
    const folder = await mkdtemp(join(work, 'p-'));
    const control = join(folder, 'q.sock');
    const log = join(folder, 'log');
    const child = await startProcess(binary, probeArguments(path, format, control), log);
    const what = 'QEMU does not open the disk';
    const limit = { what, ms: OPEN_MS, signal };
    try {
      const socket = await connectWhen(world, control, () => isAlive(child), limit);
      try {
        const qmp = await Qmp.open(world, socket, OPEN_MS, limit);
        const size = sizeOf(await qmp.order('query-named-block-nodes'));
        await qmp.order('quit');
        return size;
      } finally {
        socket.destroy();
      }
    } catch (error) {
      const said = lastWords(log);
      if (said === '') throw error;
      throw new ProviderError(`${what}: ${said}`, { retryable: false, cause: error });
    } finally {
      if (!(await hasEnded(world, child, END_MS))) await killProcess(world, child);
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** Nothing is left to be guessed from the content: neither the format, nor a disk below. */
function probeArguments(path: string, format: string, control: string): string[] {
  const file = { driver: 'file', filename: path };
  const below = format === 'qcow2' ? { backing: null } : {};
  const disk = { driver: format, 'node-name': DISK, 'read-only': true, file, ...below };
  return [
    [...BARE, '-machine', 'none', '-S'],
    monitor(control),
    ['-blockdev', JSON.stringify(disk)],
  ].flat();
}

function sizeOf(answer: unknown): number {
  const found = nodes.safeParse(answer).data?.find((one) => one['node-name'] === DISK);
  const read = node.safeParse(found).data;
  if (read !== undefined) return read.image['virtual-size'];
  throw new ProviderError('QEMU finds more in the disk than a disk', { retryable: false });
}
