import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { ClusterRef, Provider } from '../../../../server/providers/provider.ts';
import { findByArgument } from '../../../../server/providers/vm-host/process.ts';
import { isRecord, readJson } from '../../../../server/providers/vm-host/json-file.ts';
import { fakeFirecracker, firecrackerOn } from '../../../kit/firecracker.ts';
import { microRef, microSet } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

test(
  'VMs outlive a control plane that is killed; the next takes them up, and sweeps what is left',
  { timeout: 30_000 },
  async () => {
    const fake = fakeFirecracker();
    const script = fileURLToPath(new URL('./control-plane-that-dies.ts', import.meta.url));
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    const child = spawn(process.execPath, [script, fake.folder], { stdio: [...stdio] });
    if (child.stdout !== null) await once(child.stdout, 'data');
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    // As a power loss leaves it: nobody can tell what it was, and no process of it runs.
    const torn = join(fake.stateDir, 'vms', 'vm-torn');
    mkdirSync(torn);
    writeFileSync(join(torn, 'vm.json'), '');

    const provider = await firecrackerOn(fake);
    expect(existsSync(torn)).toBe(false);
    const { signal } = stepOf(1);
    expect((await provider.list(signal)).map(({ name }) => name).sort()).toEqual(
      ['awake', 'half-made', 'paused', 'pool, set 1'].sort(),
    );

    // The session's VM and what runs in it went on.
    const awake = microRef('awake');
    const [seen] = (await provider.look(awake, signal)).vms;
    expect(seen).toMatchObject({ exists: true, phase: 'RUNNING', answers: true });
    await expect
      .poll(() => read(provider, awake, '/root/work'), { timeout: 10_000 })
      .toBe('finished\n');
    expect(await read(provider, awake, '/proc/sys/kernel/hostname')).toBe('awake\n');

    // The one in the pool is looked at without being resumed, and is as good as before.
    const paused = microRef('paused');
    const [found] = (await provider.look(paused, signal)).vms;
    expect(found).toMatchObject({ exists: true, phase: 'PAUSED', answers: true });
    const woken = await provider.wake(paused, { id: 'session-2', owner: 'bob' }, stepOf(2));
    expect(woken.vms[0]).toMatchObject({ phase: 'RUNNING', answers: true });

    // The one that was half-made is an orphan until somebody wants it: it is made anew.
    const half = microRef('half-made');
    const orphan = readJson(join(fake.stateDir, 'vms', `vm-${half.name}`, 'vm.json'));
    const uuid = isRecord(orphan) ? String(orphan['uuid']) : '';
    expect(findByArgument(uuid)).not.toBeNull();
    const source = { kind: 'SET', set: microSet(1) } as const;
    const made = await provider.ensureCluster(half, source, stepOf(1));
    expect(made.vms[0]).toMatchObject({ exists: true, phase: 'PAUSED', answers: true });
    expect(findByArgument(uuid)).toBeNull();

    for (const object of await provider.list(signal)) await provider.ensureGone(object, stepOf(9));
    for (const folder of ['vms', 'sets']) {
      expect(readdirSync(join(fake.stateDir, folder))).toEqual([]);
    }
    await provider.close();
    fake.close();
  },
);

async function read(provider: Provider, cluster: ClusterRef, path: string): Promise<string> {
  const { signal } = stepOf(1);
  const vm = { cluster, role: 'STANDALONE' } as const;
  return (await provider.run(vm, ['cat', path], { signal })).stdout;
}
