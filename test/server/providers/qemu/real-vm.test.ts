import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, Provider, RunResult } from '../../../../server/providers/provider.ts';
import { findByArgument } from '../../../../server/providers/vm-host/process.ts';
import { isRecord, readJson } from '../../../../server/providers/vm-host/json-file.ts';
import { microRef, microSet, qemuOn, stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no VMs are tested here: ${missing}`);

const set = microSet(1);
const fromSet = { kind: 'SET', set } as const;
const session = { id: 'session-1', owner: 'ada' };

describe.runIf(missing === null)('real VMs (needs QEMU)', { timeout: 60_000 }, () => {
  const folder = stateFolder();
  let provider: Provider;
  let clusters = 0;

  beforeAll(async () => {
    provider = await qemuOn(folder);
    await provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', stepOf(1));
  }, 60_000);
  afterAll(() => tearDown(provider, folder));

  const restored = async (): Promise<ClusterRef> => {
    const ref = microRef(`real-${(clusters += 1)}`);
    await provider.ensureCluster(ref, fromSet, stepOf(1));
    return ref;
  };
  const awake = async (): Promise<ClusterRef> => {
    const ref = await restored();
    await provider.wake(ref, session, stepOf(2));
    return ref;
  };
  const run = (ref: ClusterRef, argv: readonly string[], stdin?: string): Promise<RunResult> =>
    provider.run({ cluster: ref, role: 'STANDALONE' }, argv, { stdin, signal: stepOf(1).signal });
  const sh = async (ref: ClusterRef, script: string) => {
    const { stdout } = await run(ref, ['sh', '-c', script]);
    return stdout.trim().split('\n');
  };
  const remove = ({ id, name, poolId }: ClusterRef) =>
    provider.ensureGone({ kind: 'CLUSTER', id, name, poolId }, stepOf(99));
  const uuidOf = (ref: ClusterRef) => {
    const record = readJson(join(folder, 'vms', `vm-${ref.name}`, 'vm.json'));
    return isRecord(record) ? String(record['uuid']) : '';
  };

  test('20 clones differ in what must be their own, and have the time of the host', async () => {
    const refs: ClusterRef[] = [];
    for (let n = 0; n < 10; n += 1) refs.push(...(await Promise.all([awake(), awake()])));
    const own = `hostname; cat /etc/hostname /etc/machine-id /proc/sys/kernel/random/uuid
      head -c 16 /dev/urandom | base64; date +%s`;
    const before = Math.floor(Date.now() / 1_000);
    const told: string[][] = [];
    for (const ref of refs) told.push(await sh(ref, own));
    const after = Math.floor(Date.now() / 1_000);
    const names = refs.map(({ name }) => name);
    expect(told.map(([hostname]) => hostname)).toEqual(names);
    expect(told.map(([, stored]) => stored)).toEqual(names);
    for (const field of [2, 3, 4]) {
      expect(new Set(told.map((lines) => lines[field])).size).toBe(20);
    }
    for (const [, , machineId] of told) expect(machineId).toMatch(/^[0-9a-f]{32}$/);
    const times = told.map((lines) => Number(lines[5]));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(before - 1);
    expect(Math.max(...times)).toBeLessThanOrEqual(after + 1);
    await Promise.all(refs.map(remove));
  });

  test('a paused VM is looked at without being resumed', async () => {
    const ref = await restored();
    const { vms, marks } = await provider.look(ref, stepOf(1).signal);
    expect(vms[0]).toMatchObject({ exists: true, phase: 'PAUSED', answers: true });
    expect(marks).toEqual([]);
    await provider.mark(ref, 'turn-1', stepOf(1));
    const marked = await provider.look(ref, stepOf(1).signal);
    expect(marked.vms[0]).toMatchObject({ phase: 'PAUSED', answers: true, origin: 'SNAPSHOT' });
    expect(marked.marks).toEqual(['turn-1']);
    const woken = await provider.wake(ref, session, stepOf(2));
    expect(woken.vms[0]).toMatchObject({ phase: 'RUNNING', answers: true, origin: 'WARM' });
    expect(woken.marks).toEqual(['turn-1']);
    expect(await sh(ref, 'ls /var/lib/snapyard/turns')).toEqual(['turn-1']);
    await remove(ref);
  });

  test('commands run side by side, much arrives whole, too much is told', async () => {
    const ref = await awake();
    const many = Array.from({ length: 6 }, (_, code) =>
      run(ref, ['sh', '-c', 'seq 1 5000; exit "$0"', String(code)]),
    );
    for (const [code, result] of (await Promise.all(many)).entries()) {
      expect(result.exitCode).toBe(code);
      expect(result.stdout.split('\n')).toHaveLength(5_001);
    }
    const input = 'a line of some length\n'.repeat(2_000);
    expect((await run(ref, ['cat'], input)).stdout).toBe(input);
    await expect(run(ref, ['yes'])).rejects.toThrow('wrote more than');
    await expect(run(ref, ['true', 'a\0b'])).rejects.toThrow('NUL');
    expect((await run(ref, ['exit', '3'])).exitCode).toBe(127);
    // Nothing of them is left in the guest but the one that looks.
    expect(await sh(ref, 'ls -d /run/snapyard/*-* | wc -l')).toEqual(['1']);
    await remove(ref);
  });

  test('a guest that powers off is told to those who watch, and is gone', async () => {
    const ref = await awake();
    const told = new Promise<string>((resolve) => void provider.watch(resolve));
    await run(ref, ['poweroff', '-f']).catch(() => null);
    expect(await told).toBe(ref.id);
    const { vms } = await provider.look(ref, stepOf(1).signal);
    expect(vms[0]).toMatchObject({ exists: false, answers: false });
    await remove(ref);
  });

  test('an unwoken VM runs nothing, and one that is awake has one session', async () => {
    const ref = await restored();
    await expect(run(ref, ['true'])).rejects.toThrow('has not been woken');
    await provider.wake(ref, session, stepOf(2));
    await provider.wake(ref, session, stepOf(2));
    const other = { id: 'session-2', owner: 'bob' };
    await expect(provider.wake(ref, other, stepOf(3))).rejects.toThrow('another session');
    await remove(ref);
  });

  test('a damaged set is refused and told to be lost, whatever of it is damaged', async () => {
    const path = (file: string) => join(folder, 'sets', set.id, file);
    const lost = async (why: string) => {
      const outcome: unknown = await restored().catch((error: unknown) => error);
      expect(outcome).toMatchObject({ lostSet: true, retryable: false });
      expect(String(outcome)).toContain(why);
    };
    const devices = readFileSync(path('standalone.state'));
    const damaged = Buffer.from(devices);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
    writeFileSync(path('standalone.state'), damaged);
    await lost('is damaged');
    writeFileSync(path('standalone.state'), devices);
    const manifest = readFileSync(path('manifest.json'), 'utf8');
    writeFileSync(path('manifest.json'), manifest.replace(/QEMU \S+ on/, 'another on'));
    await lost('another machine');
    rmSync(path('manifest.json'));
    await lost('There is no set 1');
    writeFileSync(path('manifest.json'), manifest);
    renameSync(path('standalone.ram'), path('aside'));
    await lost('is missing');
    writeFileSync(path('standalone.ram'), 'short');
    await lost('has another size');
    renameSync(path('aside'), path('standalone.ram'));
    expect(readdirSync(join(folder, 'vms'))).toEqual([]);
    await remove(await restored());
  });

  test('what is removed leaves no process and no file', async () => {
    const ref = await awake();
    const uuid = uuidOf(ref);
    expect(findByArgument(uuid)).not.toBeNull();
    await remove(ref);
    expect(findByArgument(uuid)).toBeNull();
    expect(existsSync(join(folder, 'vms', `vm-${ref.name}`))).toBe(false);
    expect(readdirSync(join(folder, 'vms'))).toEqual([]);
  });

  test('a VM whose process was killed is seen to be gone, and made again', async () => {
    const ref = await restored();
    process.kill(findByArgument(uuidOf(ref))?.pid ?? 0, 'SIGKILL');
    await expect
      .poll(async () => (await provider.look(ref, stepOf(1).signal)).vms[0]?.exists)
      .toBe(false);
    const made = await provider.ensureCluster(ref, fromSet, stepOf(1));
    expect(made.vms[0]).toMatchObject({ exists: true, answers: true });
    await remove(ref);
  });

  test('a state folder has one control plane, and a path short enough for sockets', async () => {
    await expect(qemuOn(folder)).rejects.toThrow('Another control plane');
    const long = join(folder, 'x'.repeat(90));
    const other = await qemuOn(long);
    const made = other.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', stepOf(1));
    await expect(made).rejects.toThrow('too long for a socket');
    await other.close();
    rmSync(long, { recursive: true });
  });
});
