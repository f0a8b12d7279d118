import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { ConsoleKind } from '../../../../schema/model/console.ts';
import type { Consoles } from '../../../../server/consoles.ts';
import type { VmRef } from '../../../../server/providers/provider.ts';
import { serve } from '../../../kit/served.ts';
import { clusterRef } from '../../../kit/simulator.ts';
import { openOutside, type Outside } from './outside.ts';

// Consoles of KubeVirt, from a viewer's WebSocket through our server to that of the API server.

const never = new AbortController().signal;

describe('consoles', { timeout: 30_000 }, () => {
  const ref = clusterRef('seen', 'micro');
  const made = { ...ref, vms: ref.vms.map((spec) => ({ ...spec, diskGiB: 10 })) };
  const vm: VmRef = { cluster: made, role: 'STANDALONE' };
  let outside: Outside;

  beforeAll(async () => {
    outside = await openOutside();
    const making = outside.provider.ensureCluster(made, { kind: 'IMAGE' }, outside.step(1));
    await outside.done(making);
  });
  afterAll(() => outside.close());

  const until = (holds: () => boolean) => outside.world.runUntil(holds, { withinMs: 60_000 });

  /** Somebody before our server, whose every ticket is for one stream of the VM. */
  async function visitor(kind: ConsoleKind) {
    const server = await serve({ world: outside.world, consoles: consolesOf(outside, vm, kind) });
    onTestFinished(() => outside.done(server.http.stop()));
    return () => visit(`${server.url.replace('http', 'ws')}/consoles/any`);
  }

  test('the serial console shows what the guest wrote, and takes what is typed', async () => {
    const { isOpen, shown, raw } = (await visitor('SERIAL'))();
    await until(isOpen);
    await until(() => shown().length > 0);
    const before = shown().length;
    raw.send(Buffer.from('\r'));
    await until(() => shown().length > before);
  });

  test('the screen greets as RFB does, and hears what is said', async () => {
    const { shown, raw } = (await visitor('VNC'))();
    await until(() => shown() === 'RFB 003.008\n');
    raw.send(Buffer.from('RFB 003.008\n'));
    await until(() => shown() === 'RFB 003.008\nRFB 003.008\n');
  });

  test('who comes later takes it, and the first is told, by whomever it was taken', async () => {
    const enter = await visitor('VNC');
    const first = enter();
    await until(first.isOpen);
    const second = enter();
    await until(() => first.ending() !== undefined && second.isOpen());
    expect(first.ending()).toBe('4412 This console was opened elsewhere.');
    // Another program, past our server.
    const stream = await outside.done(outside.provider.open(vm, 'VNC', never));
    await until(() => second.ending() !== undefined);
    expect(second.ending()).toMatch(/^1000 .*another program opened it\.$/);
    stream.destroy();
  });

  test('a console in which nothing is said stays open for half an hour', async () => {
    const { isOpen, ending, shown } = (await visitor('SERIAL'))();
    await until(isOpen);
    await until(() => shown().length > 0);
    await outside.done(outside.world.sleep(25 * 60_000));
    expect([isOpen(), ending()]).toEqual([true, undefined]);
    await outside.done(outside.world.sleep(6 * 60_000));
    expect(ending()).toBe('4408 Nothing moved here for half an hour.');
  });

  test('a VM that is not there is refused with its reason', async () => {
    const other = { ...vm, cluster: clusterRef('absent', 'micro') };
    const consoles = consolesOf(outside, other, 'SERIAL');
    const server = await serve({ world: outside.world, consoles });
    onTestFinished(() => outside.done(server.http.stop()));
    const { ending } = visit(`${server.url.replace('http', 'ws')}/consoles/any`);
    await until(() => ending() !== undefined);
    expect(ending()).toMatch(/^4409 The stream was not opened: there is no VM absent/);
  });
});

function consolesOf({ provider }: Outside, vm: VmRef, kind: ConsoleKind): Consoles {
  return {
    kindsOf: () => provider.capabilities.streams,
    issue: () => ({ url: '/consoles/any', expiresAt: 0 }),
    redeem: () => ({
      viewer: { name: 'root', role: 'ADMIN' },
      kind,
      vmId: 'vm1',
      role: vm.role,
      clusterId: vm.cluster.id,
      provider: 'KUBEVIRT',
      clusterStatus: 'LOCKED',
      holder: null,
    }),
    whyOver: () => undefined,
    watch: () => () => {},
    open: (grant, signal) => provider.open(vm, grant.kind, signal),
  };
}

function visit(url: string) {
  const raw = new WebSocket(url);
  onTestFinished(() => raw.terminate());
  const chunks: Buffer[] = [];
  let ending: string | undefined;
  raw.on('error', () => {});
  raw.on('message', (data: Buffer) => void chunks.push(data));
  raw.on('close', (code, reason) => (ending = `${code} ${String(reason)}`));
  return {
    raw,
    isOpen: () => raw.readyState === raw.OPEN,
    shown: () => Buffer.concat(chunks).toString(),
    ending: () => ending,
  };
}
