import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, Provider, Step } from '../../../../server/providers/provider.ts';
import { ProviderError, TAKEN } from '../../../../server/providers/provider.ts';
import { readJson } from '../../../../server/providers/vm-host/json-file.ts';
import { freeMiB } from '../../../kit/fake-hypervisor.ts';
import { microRef, microSet, qemuOn, stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no sessions are captured here: ${missing}`);

const golden = microSet(1);

describe.runIf(missing === null)('a VM in use (needs QEMU)', { timeout: 60_000 }, () => {
  const folder = stateFolder();
  const told: string[] = [];
  let provider: Provider;

  beforeAll(async () => {
    provider = await qemuOn(folder, { log: (line) => void told.push(line) });
    await provider.ensureSet({ kind: 'IMAGE' }, golden, 'OFFLINE', stepOf(1));
  }, 60_000);
  afterAll(() => tearDown(provider, folder));

  const make = (ref: ClusterRef, set = golden) =>
    provider.ensureCluster(ref, { kind: 'SET', set }, stepOf(1));
  const wake = (ref: ClusterRef) =>
    provider.wake(ref, { id: `session of ${ref.name}`, owner: 'ada' }, stepOf(2));
  const sh = async (cluster: ClusterRef, script: string) => {
    const { signal } = stepOf(1);
    const vm = { cluster, role: 'STANDALONE' } as const;
    return (await provider.run(vm, ['sh', '-c', script], { signal })).stdout.trim();
  };
  const isBeating = async (cluster: ClusterRef) =>
    (await sh(cluster, 'wc -c < /tmp/beat; sleep 0.2; wc -c < /tmp/beat'))
      .split('\n')
      .every((count, index, all) => index === 0 || count !== all[index - 1]);
  const save = (cluster: ClusterRef, number: number, step: Step = stepOf(2)) => {
    const source = { kind: 'CLUSTER', cluster, inUse: true } as const;
    return provider.ensureSet(source, microSet(number), 'ONLINE', step);
  };

  /** A step that is given up when it has come so far. */
  const given = (at: string) => {
    const stop = new AbortController();
    const step = stepOf(2, { signal: stop.signal });
    const progress = (name: string) => {
      step.progress(name);
      if (name === at) stop.abort(new Error('as the test wants it'));
    };
    return { ...step, progress };
  };

  test('is captured and goes on; what is made of it has its work, not its identity', async () => {
    const ref = microRef('used');
    await make(ref);
    await wake(ref);
    await provider.mark(ref, 'turn-1', stepOf(2));
    await sh(ref, 'echo work > /root/work; (while :; do echo x >> /tmp/beat; sleep 0.05; done) &');
    const unfinished = sh(ref, 'sleep 2; echo finished');
    const step = stepOf(2);
    const [saved] = await save(ref, 2, step);
    expect(saved?.sizeBytes).toBeGreaterThan(1_000_000);
    expect(step.told).toEqual(['take', 'bake', 'capture', 'verify', 'publish']);
    expect([...step.notes.keys()]).toEqual(['vm.set', 'vm.stream.vm-used', TAKEN]);
    expect(told.filter((line) => line.includes('was away for'))).toHaveLength(1);
    // The one in use has everything it had, and what runs in it runs on.
    const { vms, marks } = await provider.look(ref, stepOf(1).signal);
    expect(vms[0]).toMatchObject({ phase: 'RUNNING', answers: true });
    expect(marks).toEqual(['turn-1']);
    expect(await unfinished).toBe('finished');
    expect(await isBeating(ref)).toBe(true);
    expect(await sh(ref, 'cat /proc/sys/kernel/hostname')).toBe('used');

    const copy = microRef('copy');
    const made = await make(copy, microSet(2));
    expect(made.marks).toEqual([]);
    expect(made.vms[0]).toMatchObject({ phase: 'PAUSED', answers: true, origin: 'SNAPSHOT' });
    await wake(copy);
    expect(await sh(copy, 'cat /root/work /proc/sys/kernel/hostname')).toBe('work\ncopy');
    const ids = await Promise.all([ref, copy].map((at) => sh(at, 'cat /etc/machine-id')));
    expect(new Set(ids).size).toBe(2);
    expect(await isBeating(copy)).toBe(true);
  });

  test('goes on when its capture fails, and what was taken of it is not taken twice', async () => {
    const ref = microRef('used');
    await expect(save(ref, 3, given('take'))).rejects.toThrow('given up');
    expect(await isBeating(ref)).toBe(true);
    await expect(save(ref, 3, given('bake'))).rejects.toThrow('given up');
    const step = stepOf(2);
    await save(ref, 3, step);
    expect(step.told).toEqual(['bake', 'capture', 'verify', 'publish']);
    expect(readdirSync(join(folder, 'sets', microSet(3).id)).sort()).toEqual(
      ['manifest.json', 'standalone.ram', 'standalone.state'].sort(),
    );
    // Who was overtaken captures nothing, nor does anybody what is not in use.
    await expect(save(ref, 4, stepOf(1))).rejects.toThrow('has been taken over');
    const paused = microRef('paused');
    await make(paused);
    await expect(save(paused, 4)).rejects.toThrow('is not as it must be');
    const idle = { kind: 'CLUSTER', cluster: paused, inUse: false } as const;
    await provider.ensureSet(idle, microSet(5), 'ONLINE', stepOf(2));
    const { vms } = await provider.look(paused, stepOf(2).signal);
    expect(vms[0]).toMatchObject({ phase: 'PAUSED', answers: true, message: null });
    expect(readdirSync(join(folder, 'sets')).sort()).toEqual(
      [1, 2, 3, 5].map((number) => microSet(number).id).sort(),
    );
  });

  test('may go when all of it was taken: the set is made without it', async () => {
    const ref = microRef('ended');
    await make(ref);
    await wake(ref);
    await sh(ref, 'echo work > /root/work');
    const first = given('bake');
    await expect(save(ref, 9, first)).rejects.toThrow('given up');
    const { id, name, poolId } = ref;
    await provider.ensureGone({ kind: 'CLUSTER', id, name, poolId }, stepOf(3));
    const step = stepOf(2, { notes: first.notes });
    await save(ref, 9, step);
    expect(step.told).toEqual(['bake', 'capture', 'verify', 'publish']);
    const copy = microRef('after');
    await make(copy, microSet(9));
    await wake(copy);
    expect(await sh(copy, 'cat /root/work')).toBe('work');
  });

  test('goes on by the next control plane, when the one that stopped it was killed', async () => {
    const ref = microRef('used');
    await provider.close();
    const script = fileURLToPath(
      new URL('./control-plane-that-dies-capturing.ts', import.meta.url),
    );
    const argv = [script, folder, ref.name, '6'];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const record = () => readJson(join(folder, 'vms', 'vm-used', 'vm.json'));
    expect(record()).toMatchObject({ state: 'AWAKE', stoppedFor: microSet(6).id });
    provider = await qemuOn(folder);
    expect(record()).toMatchObject({ state: 'AWAKE', stoppedFor: null });
    const { vms } = await provider.look(ref, stepOf(2).signal);
    expect(vms[0]).toMatchObject({ phase: 'RUNNING', answers: true, message: null });
    expect(await isBeating(ref)).toBe(true);
    const step = stepOf(2);
    await save(ref, 6, step);
    expect(step.told[0]).toBe('take');
  });

  test.runIf(process.getuid?.() === 0)(
    'goes on when the disk is full, and nothing half-made stays (needs root)',
    async () => {
      await provider.close();
      const disk = mkdtempSync(join(tmpdir(), 'disk-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
      try {
        provider = await qemuOn(folder, { snapshotDir: disk });
        await expect(save(microRef('used'), 7)).rejects.toThrow('Too little room');
        expect(readdirSync(disk)).toEqual([]);
        // There was room, and others take it meanwhile.
        freeMiB(100_000);
        await expect(save(microRef('used'), 7)).rejects.toThrow(/ENOSPC|no space/);
        expect(await isBeating(microRef('used'))).toBe(true);
        expect(readdirSync(join(disk, `.new-${microSet(7).id}`))).toEqual(['manifest.json']);
        const fromImage = { kind: 'IMAGE' } as const;
        const made = provider.ensureSet(fromImage, microSet(8), 'OFFLINE', stepOf(1));
        await expect(made).rejects.toBeInstanceOf(ProviderError);
        expect(readdirSync(disk)).toEqual([`.new-${microSet(7).id}`]);
        expect(readdirSync(join(folder, 'vms')).filter((name) => name.includes('set'))).toEqual([]);
      } finally {
        await provider.close();
        execFileSync('umount', [disk]);
        rmdirSync(disk);
        provider = await qemuOn(folder);
      }
    },
  );
});
