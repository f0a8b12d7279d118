import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Provider } from '../../../../server/providers/provider.ts';
import { microRef, microSet, qemuOn, stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';
import { setRef, stepOf } from '../../../kit/simulator.ts';
import { typistAt } from '../../../kit/typist.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no serial lines are tried here: ${missing}`);

const PROMPT = /# /;

describe.runIf(missing === null)(
  'the serial line of a VM (needs QEMU)',
  { timeout: 60_000 },
  () => {
    const folder = stateFolder();
    const ref = microRef('one');
    const vm = { cluster: ref, role: 'STANDALONE' } as const;
    let provider: Provider;

    beforeAll(async () => {
      provider = await qemuOn(folder);
      await provider.ensureSet({ kind: 'IMAGE' }, microSet(1), 'OFFLINE', stepOf(1));
      await provider.ensureCluster(ref, { kind: 'SET', set: microSet(1) }, stepOf(1));
    }, 60_000);
    afterAll(() => tearDown(provider, folder));

    const wake = (session: string) => provider.wake(ref, { id: session, owner: 'ada' }, stepOf(2));
    const { signal } = stepOf(1);
    const sit = async () => typistAt(await provider.open(vm, 'SERIAL', signal));
    const sh = (script: string) => provider.run(vm, ['sh', '-c', script], { signal });

    test('nobody gets at it before its VM is handed over; there is no screen', async () => {
      await expect(sit()).rejects.toThrow('waits for a session');
      const { vms } = await wake('the first');
      expect(vms).toMatchObject([{ hasScreen: false }]);
      const screen = provider.open(vm, 'VNC', signal);
      await expect(screen).rejects.toThrow('vm-one has no screen');
    });

    test('Enter opens a shell of its own terminal, in which Control-C ends what runs', async () => {
      const typist = await sit();
      typist.type('\r');
      await typist.until(PROMPT);
      typist.type('echo snap$((1+1))yard; tty\r');
      await typist.until(/snap2yard\r\n\/dev\/ttyS0\r\n/);
      await typist.until(PROMPT);
      typist.type('sleep 1000\r');
      await typist.until(/sleep 1000\r\n/);
      await expect.poll(async () => (await sh('pidof sleep')).exitCode).toBe(0);
      typist.type('\x03');
      await typist.until(PROMPT);
      typist.type('exit\r');
      await typist.until(/Press Enter for a shell/);
      typist.type('\r');
      await typist.until(PROMPT);
      typist.type('left=here\r');
      await typist.until(PROMPT);
      typist.hangUp();
    });

    test('it is the same line for the next who opens it, also after the server ended', async () => {
      const typist = await sit();
      typist.type('echo $left-1\r');
      await typist.until(/\nhere-1/);
      await provider.close();
      await typist.end;
      provider = await qemuOn(folder);
      const first = await sit();
      const second = await sit();
      await first.until(/opened elsewhere/);
      await first.end;
      second.type('echo $left-2\r');
      await second.until(/\nhere-2/);
    });

    test('what the guest writes to nobody is not kept for whoever comes', async () => {
      (await sit()).hangUp();
      await sh('yes written-to-nobody | head -c 300000 > /dev/ttyS0');
      const typist = await sit();
      typist.type('\r');
      await typist.until(PROMPT);
      expect(typist.seen()).not.toContain('written-to-nobody');
    });

    test('a capture in use leaves it open; a reset ends it, and leaves nothing on it', async () => {
      const typist = await sit();
      const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;
      await provider.ensureSet(source, setRef(ref, 2, 'POOL'), 'ONLINE', stepOf(2));
      typist.type('echo $left-3\r');
      await typist.until(/\nhere-3/);
      typist.type('half-a-line');
      await typist.until(/half-a-line/);
      await provider.ensureReset(ref, microSet(1), stepOf(3));
      await typist.end;
      await provider.wake(ref, { id: 'the next', owner: 'bob' }, stepOf(3));
      const next = await sit();
      next.type('\r');
      await next.until(PROMPT);
      next.type('echo [$left]\r');
      await next.until(/\[\]/);
      expect(next.seen()).not.toMatch(/half-a-line|here/);
    });
  },
);
