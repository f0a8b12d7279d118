import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, Provider } from '../../../../server/providers/provider.ts';
import { setRef, stepOf } from '../../../kit/simulator.ts';
import { microRef, qemuOn, stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no disks are tried here: ${missing}`);

const withDisk = (name: string): ClusterRef => {
  const ref = microRef(name);
  return { ...ref, vms: ref.vms.map((spec) => ({ ...spec, diskGiB: 0.1 })) };
};
const setOf = (number: number) => setRef(withDisk('any'), number, 'POOL');

describe.runIf(missing === null)('disks of VMs (needs QEMU)', { timeout: 60_000 }, () => {
  const folder = stateFolder();
  let provider: Provider;

  beforeAll(async () => {
    provider = await qemuOn(folder);
    await provider.ensureSet({ kind: 'IMAGE' }, setOf(1), 'OFFLINE', stepOf(1));
  }, 60_000);
  afterAll(() => tearDown(provider, folder));

  const make = async (ref: ClusterRef, set = setOf(1)) => {
    await provider.ensureCluster(ref, { kind: 'SET', set }, stepOf(1));
    await provider.wake(ref, { id: `session of ${ref.name}`, owner: 'ada' }, stepOf(2));
  };
  const sh = async (cluster: ClusterRef, script: string) => {
    const vm = { cluster, role: 'STANDALONE' } as const;
    const { signal } = stepOf(1);
    return (await provider.run(vm, ['sh', '-c', script], { signal })).stdout.trim();
  };
  const write = (cluster: ClusterRef, text: string, at: number) =>
    sh(
      cluster,
      `printf ${text} | dd of=/dev/vda bs=512 seek=${at} conv=notrunc 2> /dev/null; sync`,
    );
  const read = (cluster: ClusterRef, at: number) =>
    sh(cluster, `dd if=/dev/vda bs=512 skip=${at} count=1 2> /dev/null | tr -d '\\0'`);
  const hashes = (number: number) => {
    const files = join(folder, 'sets', setOf(number).id);
    const disks = readdirSync(files).filter((name) => name.includes('.disk'));
    return disks.sort().map((name) => [name, sha256(readFileSync(join(files, name)))]);
  };

  test('each clone has a disk of its own; what it is made of does not change', async () => {
    const [one, two] = [withDisk('one'), withDisk('two')];
    const before = hashes(1);
    await Promise.all([make(one), make(two)]);
    expect(await sh(one, 'cat /sys/block/vda/size')).toBe(String(Math.ceil((0.1 * 2 ** 30) / 512)));
    await write(one, 'of-one', 3);
    await write(two, 'of-two', 3);
    await sh(one, 'echo 3 > /proc/sys/vm/drop_caches');
    expect([await read(one, 3), await read(two, 3)]).toEqual(['of-one', 'of-two']);
    expect(before).toHaveLength(1);
    expect(hashes(1)).toEqual(before);
    await provider.ensureReset(two, setOf(1), stepOf(3));
    await provider.wake(two, { id: 'the next', owner: 'bob' }, stepOf(4));
    expect(await read(two, 3)).toBe('');
  });

  test('a VM in use is captured with its disk, goes on, and can be captured again', async () => {
    const one = withDisk('one');
    const save = (number: number) => {
      const source = { kind: 'CLUSTER', cluster: one, inUse: true } as const;
      return provider.ensureSet(source, setOf(number), 'ONLINE', stepOf(2));
    };
    await sh(one, 'printf not-yet-synced | dd of=/dev/vda bs=512 seek=9 conv=notrunc 2> /dev/null');
    const [saved] = await save(2);
    expect(saved?.sizeBytes).toBeGreaterThan(1_000_000);
    const before = hashes(2);
    await write(one, 'of-now', 3);
    await save(3);
    expect(await read(one, 3)).toBe('of-now');
    // What it was captured with stays, whatever becomes of the set it was made of.
    const object = { kind: 'SET', id: setOf(1).id, name: 'pool, set 1', poolId: 'pool-1' } as const;
    await provider.ensureGone(object, stepOf(5));
    const now = withDisk('now');
    await make(now, setOf(3));
    expect([await read(now, 3), await read(now, 9)]).toEqual(['of-now', 'not-yet-synced']);
    expect(hashes(2)).toEqual(before);
    const gone = { kind: 'CLUSTER', id: now.id, name: now.name, poolId: now.poolId } as const;
    await provider.ensureGone(gone, stepOf(9));
    expect(existsSync(join(folder, 'vms', 'vm-now'))).toBe(false);
  });
});

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
