import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { ClusterRef, Provider } from '../../../../server/providers/provider.ts';
import { microRef, microSet, qemuOn, stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';
import { typistAt } from '../../../kit/typist.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no VMs are adopted here: ${missing}`);

test.runIf(missing === null)(
  'VMs outlive a control plane that is killed, and the next takes them up (needs QEMU)',
  { timeout: 60_000 },
  async () => {
    const folder = stateFolder();
    await killWhenReady(spawnControlPlane(folder));
    const provider = await qemuOn(folder);
    const { signal } = stepOf(1);
    expect((await provider.list(signal)).map(({ name }) => name).sort()).toEqual(
      ['awake', 'half-made', 'paused', 'pool, set 1'].sort(),
    );

    // The session's VM and what runs in it went on.
    const awake = microRef('awake');
    const seen = await provider.look(awake, signal);
    expect(seen.vms[0]).toMatchObject({ exists: true, phase: 'RUNNING', answers: true });
    await expect
      .poll(() => read(provider, awake, '/root/work'), { timeout: 20_000 })
      .toBe('finished\n');
    expect(await read(provider, awake, '/proc/sys/kernel/hostname')).toBe('awake\n');

    // Its serial line, which was open, is opened again as it was left.
    const line = typistAt(
      await provider.open({ cluster: awake, role: 'STANDALONE' }, 'SERIAL', signal),
    );
    line.type('echo and $typed\r');
    await line.until(/\nand before/);

    // The one in the pool is as good as before.
    const paused = microRef('paused');
    const found = await provider.look(paused, signal);
    expect(found.vms[0]).toMatchObject({ exists: true, phase: 'PAUSED', answers: true });
    const woken = await provider.wake(paused, { id: 'session-2', owner: 'bob' }, stepOf(2));
    expect(woken.vms[0]).toMatchObject({ phase: 'RUNNING', answers: true });

    // The one that was half-made is finished by whoever wants it.
    const half = microRef('half-made');
    expect((await provider.look(half, signal)).vms[0]?.answers).toBe(false);
    const source = { kind: 'SET', set: microSet(1) } as const;
    const made = await provider.ensureCluster(half, source, stepOf(1));
    expect(made.vms[0]).toMatchObject({ exists: true, phase: 'PAUSED', answers: true });

    for (const object of await provider.list(signal)) await provider.ensureGone(object, stepOf(9));
    expect(readdirSync(join(folder, 'vms'))).toEqual([]);
    expect(readdirSync(join(folder, 'sets'))).toEqual([]);
    await tearDown(provider, folder);
    expect(existsSync(folder)).toBe(false);
  },
);

function spawnControlPlane(folder: string): ChildProcess {
  const script = fileURLToPath(new URL('./control-plane-that-dies.ts', import.meta.url));
  return spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function killWhenReady(child: ChildProcess): Promise<void> {
  if (child.stdout !== null) await once(child.stdout, 'data');
  child.kill('SIGKILL');
  const exit: unknown = await once(child, 'exit');
  expect(exit).toEqual([null, 'SIGKILL']);
}

async function read(provider: Provider, cluster: ClusterRef, path: string): Promise<string> {
  const { signal } = stepOf(1);
  const vm = { cluster, role: 'STANDALONE' } as const;
  return (await provider.run(vm, ['cat', path], { signal })).stdout;
}
