import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { whyNoVms } from '../kit/qemu.ts';
import { type SeenPool, type SeenSession, VmYard } from '../kit/vm-yard.ts';

/** Sets of real VMs are damaged, and their disk is full: the pool serves, tells why, and mends. */

const missing = await whyNoVms();
const campaign = process.env['SNAPYARD_CAMPAIGN'] === 'vms';

const DAMAGE: Readonly<Record<string, { damage: (set: string) => void; why: RegExp }>> = {
  'a flipped byte in its state': {
    damage: (set) => {
      const path = join(set, 'standalone.state');
      const data = readFileSync(path);
      data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 1;
      writeFileSync(path, data);
    },
    why: /damaged: .*standalone\.state is not what was captured/,
  },
  'a memory that is cut off': {
    damage: (set) => {
      // Another file in its place: the clones that have it open are to live.
      const path = join(set, 'standalone.ram');
      rmSync(path);
      writeFileSync(path, '');
      truncateSync(path, 4_096);
    },
    why: /damaged: .*standalone\.ram has another size/,
  },
  'no description': {
    damage: (set) => rmSync(join(set, 'manifest.json')),
    why: /There is no set \d+ of micro/,
  },
  'nothing left of it': {
    damage: (set) => rmSync(set, { recursive: true }),
    why: /There is no set \d+ of micro/,
  },
};

const yards: VmYard[] = [];

async function openYard(state?: string): Promise<VmYard> {
  const yard = new VmYard(state === undefined ? {} : { state });
  yards.push(yard);
  await yard.server.start();
  return yard;
}

async function spawn(yard: VmYard, howMany: number): Promise<readonly string[]> {
  const vms: string[] = [];
  for (let n = 0; n < howMany; n += 1) {
    const vm = await yard.send('spawnVm', { pool: 'micro' }, '... on VmHandle { id }');
    vms.push(String(vm['id']));
  }
  return vms;
}

/** The sessions that the pool's clusters are held by, once all have begun or failed. */
async function served(yard: VmYard, howMany: number): Promise<SeenSession[]> {
  const sessions = (pool: SeenPool) => pool.clusters.flatMap((one) => one.assignedSession ?? []);
  const pool = await yard.untilPool('micro', (now) => {
    const found = sessions(now);
    return found.length === howMany && found.every(({ status }) => status === 'RUNNING');
  });
  return sessions(pool);
}

async function expectNothingLeft(yard: VmYard): Promise<void> {
  await yard.send('deleteClusterPool', { name: 'micro' });
  await expect.poll(() => yard.leftovers(), { timeout: 60_000 }).toEqual([]);
  expect(yard.processes()).toEqual([]);
}

afterAll(async () => {
  for (const yard of yards) await yard.close();
});

describe.runIf(missing === null && campaign)(
  'a damaged set (needs QEMU)',
  { timeout: 300_000 },
  () => {
    let yard: VmYard | undefined;

    it.each(Object.keys(DAMAGE))('is told, passed over and replaced: %s', async (kind) => {
      const { damage, why } = DAMAGE[kind] ?? {};
      yard ??= await openYard();
      if ((await yard.pool('micro')) === undefined) {
        await yard.addPool('micro', { size: 1, whenEmpty: 'PROVISION', maxClusters: 4 });
      }
      await yard.untilWhole('micro', 1, 2, 180_000);
      const [set = ''] = readdirSync(join(yard.state, 'sets'));
      damage?.(join(yard.state, 'sets', set));
      const vms = await spawn(yard, 3);
      const sessions = await served(yard, 3);
      const pool = await yard.pool('micro');
      expect(pool?.sets.find(({ status }) => status === 'FAILED')?.statusMessage).toMatch(
        why ?? /-/,
      );
      const fallbacks = sessions.flatMap(({ fallbackReason }) => fallbackReason ?? []);
      expect(fallbacks.join()).toMatch(why ?? /-/);
      expect(fallbacks.join()).toMatch(/^made from another snapshot set/);
      expect(sessions.map(({ servedFrom }) => servedFrom)).toContain('SNAPSHOT');
      for (const vmId of vms) await yard.send('destroyVm', { vmId });
      await yard.untilWhole('micro', 1, 2, 200_000);
    });

    it('leaves nothing when its pool goes', async () => {
      if (yard === undefined) throw new Error('there is no yard');
      await expectNothingLeft(yard);
      expect(yard.server.log()).not.toMatch(/"level":(50|60)/);
    });
  },
);

/** A disk of so many MiB in memory; null where we may not mount one. */
function mountDisk(mebibytes: number): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'vd-'));
  const args = ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none', folder];
  if (spawnSync('mount', args).status === 0) return folder;
  rmSync(folder, { recursive: true });
  return null;
}

// Mounted only by the campaign: in a test run nobody expects that.
const disk = missing === null && campaign ? mountDisk(130) : null;

describe.runIf(disk !== null)('a disk that is full (needs QEMU and mount)', () => {
  const folder = disk ?? '';
  afterAll(async () => {
    for (const yard of yards.splice(0)) await yard.close();
    spawnSync('umount', [folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is told, and mended by room alone', { timeout: 500_000 }, async () => {
    mkdirSync(join(folder, 'vms'));
    const yard = await openYard(join(folder, 'vms'));
    await yard.addPool('micro', { size: 2, whenEmpty: 'PROVISION', maxClusters: 4 });
    // There is room for one set: the pool is served from that one.
    const half = await yard.untilPool('micro', ({ sets, clusters }) => {
      const free = clusters.filter(({ status }) => status === 'AVAILABLE');
      return sets.some(({ status }) => status === 'FAILED') && free.length === 2;
    });
    const failed = half.sets.find(({ status }) => status === 'FAILED');
    expect(failed?.statusMessage).toMatch(/may take 128 MiB, and in .* there is room for \d+/);
    expect(yard.leftovers().filter((path) => path.includes('.new-'))).toEqual([]);
    fill(folder);
    await yard.send('spawnVm', { pool: 'micro' });
    const told = await yard.untilPool('micro', ({ clusters }) =>
      clusters.some(({ statusMessage }) => statusMessage?.includes('no room left') === true),
    );
    expect(told.clusters.length).toBeGreaterThan(0);
    rmSync(join(folder, 'filler'));
    spawnSync('mount', ['-o', 'remount,size=600m', folder]);
    for (const { assignedSession } of (await yard.pool('micro'))?.clusters ?? []) {
      const sessionId = assignedSession?.id;
      if (sessionId !== undefined) await yard.send('releaseSession', { sessionId });
    }
    await yard.untilWhole('micro', 2, 2, 400_000);
    await expectNothingLeft(yard);
    expect(yard.server.log()).not.toMatch(/"level":(50|60)/);
  });
});

function fill(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(join(folder, 'filler'), Buffer.alloc(bavail * bsize + 1));
  } catch (error) {
    // It holds as much as there was room for.
    if (!String(error).includes('ENOSPC')) throw error;
  }
}
