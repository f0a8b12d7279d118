import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firecrackerAvailability } from '../../../../server/providers/firecracker/availability.ts';
import type { ClusterRef, Provider } from '../../../../server/providers/provider.ts';
import { isRecord, readJson } from '../../../../server/providers/vm-host/json-file.ts';
import { findImage } from '../../../../server/providers/vm-host/image-manifest.ts';
import { findByArgument, isAlive, startOf } from '../../../../server/providers/vm-host/process.ts';
import { type FakeFirecracker, fakeFirecracker, firecrackerOn } from '../../../kit/firecracker.ts';
import { microRef, microSet } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const set = microSet(1);
const fromSet = { kind: 'SET', set } as const;
const session = { id: 'session-1', owner: 'ada' };

describe('before a fake Firecracker', { timeout: 20_000 }, () => {
  let fake: FakeFirecracker;
  let provider: Provider;
  let clusters = 0;

  beforeAll(async () => {
    fake = fakeFirecracker();
    provider = await firecrackerOn(fake, { settings: { restoreMs: 2_000 } });
    await provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', stepOf(1));
  });
  afterAll(async () => {
    const step = stepOf(Number.MAX_SAFE_INTEGER);
    for (const object of await provider.list(step.signal)) await provider.ensureGone(object, step);
    await provider.close();
    fake.close();
  });

  const newRef = () => microRef(`fc-${(clusters += 1)}`);
  const restored = async (ref = newRef()): Promise<ClusterRef> => {
    await provider.ensureCluster(ref, fromSet, stepOf(1));
    return ref;
  };
  const remove = ({ id, name, poolId }: ClusterRef) =>
    provider.ensureGone({ kind: 'CLUSTER', id, name, poolId }, stepOf(99));
  const recordPath = (ref: ClusterRef) => join(fake.stateDir, 'vms', `vm-${ref.name}`, 'vm.json');
  const recordOf = (ref: ClusterRef): Record<string, unknown> => {
    const record = readJson(recordPath(ref));
    return isRecord(record) ? record : {};
  };
  const processOf = (ref: ClusterRef) => findByArgument(String(recordOf(ref)['uuid']));
  const setFile = (file: string) => join(fake.stateDir, 'sets', set.id, file);
  const look = async (ref: ClusterRef) => (await provider.look(ref, stepOf(1).signal)).vms[0];
  const vms = () => readdirSync(join(fake.stateDir, 'vms'));
  const run = async (ref: ClusterRef, ...argv: string[]) => {
    const { signal } = stepOf(1);
    return (await provider.run({ cluster: ref, role: 'STANDALONE' }, argv, { signal })).stdout;
  };

  test('clones have names and randomness of their own', async () => {
    const refs = await Promise.all([restored(), restored()]);
    for (const ref of refs) await provider.wake(ref, session, stepOf(2));
    const names = await Promise.all(refs.map((ref) => run(ref, 'hostname')));
    expect(names).toEqual(refs.map(({ name }) => `${name}\n`));
    const ids = await Promise.all(refs.map((ref) => run(ref, 'cat', '/etc/machine-id')));
    expect(new Set(ids).size).toBe(2);
    for (const ref of refs) expect(await run(ref, 'uuidgen')).toMatch(/after [1-9]\d* seeds/);
    await Promise.all(refs.map(remove));
  });

  test('a guest that powers off is told to those who watch, and is gone', async () => {
    const ref = await restored();
    await provider.wake(ref, session, stepOf(2));
    const told = new Promise<string>((resolve) => void provider.watch(resolve));
    await run(ref, 'poweroff').catch(() => null);
    expect(await told).toBe(ref.id);
    expect(await look(ref)).toMatchObject({ exists: false, answers: false });
    await remove(ref);
  });

  test('a process that was killed is seen to be gone, and made again', async () => {
    const ref = await restored();
    process.kill(processOf(ref)?.pid ?? 0, 'SIGKILL');
    await expect.poll(async () => (await look(ref))?.exists).toBe(false);
    await restored(ref);
    expect(await look(ref)).toMatchObject({ exists: true, answers: true });
    await remove(ref);
  });

  test('a process that has got the number of ours is not touched', async () => {
    const ref = await restored();
    const record = recordOf(ref);
    process.kill(processOf(ref)?.pid ?? 0, 'SIGKILL');
    await expect.poll(async () => (await look(ref))?.exists).toBe(false);
    const other = { pid: process.pid, startedAt: 'another time' };
    writeFileSync(recordPath(ref), JSON.stringify({ ...record, process: other }));
    await remove(ref);
    expect(startOf(process.pid)).not.toBeNull();
    expect(existsSync(recordPath(ref))).toBe(false);
  });

  test('a state with a flipped byte is refused, by us and by the program', async () => {
    const path = setFile('standalone.state');
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[20] = (damaged[20] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    await expect(restored()).rejects.toThrow('is damaged');
    // As if nobody had looked: it loads nothing, says why, and ends.
    const manifest = readFileSync(setFile('manifest.json'), 'utf8');
    const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    writeFileSync(setFile('manifest.json'), manifest.replace(hash(whole), hash(damaged)));
    await expect(restored()).rejects.toThrow(/refused PUT .snapshot.load: .*checksum/);
    writeFileSync(path, whole);
    writeFileSync(setFile('manifest.json'), manifest);
    expect(vms()).toEqual([]);
    await remove(await restored());
  });

  test('memory is mapped: a set may be removed under its clones, not cut', async () => {
    const other = microSet(7);
    await provider.ensureSet({ kind: 'IMAGE' }, other, 'OFFLINE', stepOf(1));
    const ref = newRef();
    await provider.ensureCluster(ref, { kind: 'SET', set: other }, stepOf(1));
    const object = (await provider.list(stepOf(1).signal)).find(({ id }) => id === other.id);
    if (object !== undefined) await provider.ensureGone(object, stepOf(1));
    await provider.wake(ref, session, stepOf(2));
    expect(await run(ref, 'echo', 'still here')).toBe('still here\n');
    await remove(ref);

    await provider.ensureSet({ kind: 'IMAGE' }, other, 'OFFLINE', stepOf(1));
    const victim = newRef();
    await provider.ensureCluster(victim, { kind: 'SET', set: other }, stepOf(1));
    truncateSync(join(fake.stateDir, 'sets', other.id, 'standalone.ram'), 10);
    await expect(provider.wake(victim, session, stepOf(2))).rejects.toThrow('did not wake');
    await remove(victim);
  });

  test.each([
    ['an answer that says why', { status: 400, text: '{"fault_message":"no room"}' }, 'no room'],
    ['an answer that says nothing', { status: 500, text: 'oops' }, 'status 500, and no reason'],
    ['a death without an answer', { dies: true }, 'PUT /snapshot/load'],
    ['no answer in time', { delayMs: -1 }, 'PUT /snapshot/load: nothing came within 2000 ms'],
  ] as const)('a load that fails, with %s, leaves nothing', async (_how, fault, reason) => {
    fake.setFaults({ 'PUT /snapshot/load': fault });
    await expect(restored()).rejects.toThrow(reason);
    fake.setFaults({});
    expect(vms()).toEqual([]);
  });

  test('a slow answer within the time is waited for', async () => {
    fake.setFaults({ 'PUT /snapshot/load': { delayMs: 200 }, 'PATCH /vm': { delayMs: 50 } });
    const ref = await restored();
    fake.setFaults({});
    await remove(ref);
  });

  test('a socket that nobody serves is told, and its VM can be removed', async () => {
    const ref = await restored();
    await provider.close();
    const pid = processOf(ref)?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    provider = await firecrackerOn(fake, { settings: { greetingMs: 100, answerMs: 300 } });
    expect(await look(ref)).toMatchObject({ exists: true, answers: false });
    const id = processOf(ref);
    await remove(ref);
    expect(id !== null && isAlive(id)).toBe(false);
  });

  test('what another release has captured is another machine', async () => {
    await provider.close();
    fake.setRelease('1.15.1');
    provider = await firecrackerOn(fake);
    await expect(restored()).rejects.toThrow('another machine');
    await provider.close();
    fake.setRelease('1.16.1');
    provider = await firecrackerOn(fake);
    await remove(await restored());
  });

  test('a process that outlived an upgrade goes on, and cannot be captured', async () => {
    const ref = await restored();
    await provider.wake(ref, session, stepOf(2));
    await provider.close();
    fake.setRelease('1.17.0');
    provider = await firecrackerOn(fake);
    expect(await run(ref, 'echo', 'on')).toBe('on\n');
    const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;
    const saved = provider.ensureSet(source, microSet(8), 'ONLINE', stepOf(2));
    await expect(saved).rejects.toThrow('it cannot be captured');
    await provider.close();
    fake.setRelease('1.16.1');
    provider = await firecrackerOn(fake);
    await remove(ref);
  });

  test('a log that a guest fills begins anew', async () => {
    const ref = await restored();
    const log = join(fake.stateDir, 'vms', `vm-${ref.name}`, 'process.log');
    writeFileSync(log, Buffer.alloc(1_100_000));
    await look(ref);
    expect(readFileSync(log)).toHaveLength(0);
    await remove(ref);
  });
});

describe('releases', { timeout: 20_000 }, () => {
  test.each(['1.12.0', '1.17.0'])('%s captures and restores', async (release) => {
    const fake = fakeFirecracker(release);
    const provider = await firecrackerOn(fake);
    await provider.ensureSet({ kind: 'IMAGE' }, set, 'OFFLINE', stepOf(1));
    const refs = [microRef('one'), microRef('two')];
    for (const ref of refs) await provider.ensureCluster(ref, fromSet, stepOf(1));
    for (const ref of refs) {
      const { vms } = await provider.wake(ref, session, stepOf(2));
      expect(vms[0]).toMatchObject({ phase: 'RUNNING', answers: true, origin: 'WARM' });
    }
    for (const object of await provider.list(stepOf(1).signal)) {
      await provider.ensureGone(object, stepOf(9));
    }
    await provider.close();
    fake.close();
  });

  test.each(['1.11.0', '1.18.0', '2.0.0'])('%s is not taken', async (release) => {
    const fake = fakeFirecracker(release);
    await expect(firecrackerOn(fake)).rejects.toThrow(/too old|newer than/);
    const found = await firecrackerAvailability({ imageDir: fake.imageDir, binary: fake.binary });
    expect(found).toMatchObject({ available: false });
    fake.close();
  });

  test('what is missing is told, one thing after the other', async () => {
    const fake = fakeFirecracker();
    const ask = (options: object) =>
      firecrackerAvailability({ imageDir: fake.imageDir, binary: fake.binary, ...options });
    expect(await ask({ binary: '/no/such/program' })).toMatchObject({
      why: '/no/such/program is not a Firecracker program',
    });
    expect(await ask({ device: '/no/such/kvm' })).toMatchObject({ available: false });
    expect(await ask({ device: '/dev/null', imageDir: '/no/such' })).toMatchObject({
      why: 'no image in /no/such',
    });
    expect(await ask({ device: '/dev/null' })).toMatchObject({ available: true });
    // Pools that name no image are made from `base`: another one does not do.
    renameSync(join(fake.imageDir, 'base@1'), join(fake.imageDir, 'other@1'));
    const manifest = join(fake.imageDir, 'other@1', 'manifest.json');
    const other = readFileSync(manifest, 'utf8').replace('"name":"base"', '"name":"other"');
    writeFileSync(manifest, other);
    expect(findImage(fake.imageDir, 'other')).toBeDefined();
    expect(await ask({ device: '/dev/null' })).toMatchObject({ available: false });
    fake.close();
  });
});
