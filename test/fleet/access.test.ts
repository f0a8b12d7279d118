import ssh2 from 'ssh2';
import { describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { secrets } from '../../db/tables.ts';
import { clusterRef } from '../../server/outside.ts';
import type { VmRef } from '../../server/providers/provider.ts';
import { hasAccess, type Session } from '../../schema/model/session.ts';
import type { SessionAccess } from '../../schema/context.ts';
import type { Fleet } from '../kit/fleet.ts';
import { claim, clusterOf, release, sessionOf, until } from '../kit/pool-under-test.ts';
import { fleetPerTest } from './fleet-per-test.ts';

// What the owner of a session on KubeVirt is told opens its guests, and only its own.

vi.setConfig({ testTimeout: 120_000 });

const POOL = 'lab';
const open = fleetPerTest();

async function claimed(fleet: Fleet, owner: string): Promise<[Session, SessionAccess]> {
  await fleet.settled(POOL, 1);
  const session = await claim(fleet, POOL, owner);
  expect(session.status).toBe('RUNNING');
  await until(fleet, () => hasAccess(sessionOf(fleet, session)));
  return [session, await fleet.done(fleet.as(owner, 'USER').readAccess(session))];
}

/** What a command says to whoever logs in with this key, or why nobody does. */
async function enter(fleet: Fleet, vm: VmRef, access: SessionAccess): Promise<string> {
  const stream = await fleet.provider.open(vm, 'SSH', new AbortController().signal);
  const client = new ssh2.Client();
  return new Promise<string>((resolve) => {
    const end = (said: string) => {
      resolve(said);
      client.end();
      stream.destroy();
    };
    client.on('error', ({ message }) => end(message));
    client.on('ready', () => {
      client.exec('sudo whoami', (_error, channel) => {
        channel.on('data', (text: Buffer) => end(text.toString().trim()));
      });
    });
    const { sshUser, sshPrivateKey } = access;
    client.connect({
      sock: stream,
      username: sshUser ?? '',
      privateKey: sshPrivateKey ?? '',
      readyTimeout: 0,
    });
  });
}

function machinesOf(fleet: Fleet, session: Session): VmRef[] {
  const row = clusterOf(fleet, session.lastClusterId);
  const cluster = fleet.store.read((db) => clusterRef(db, row));
  return cluster.vms.map(({ role }) => ({ cluster, role }));
}

describe('access to a session on KubeVirt', () => {
  it('opens all its guests until they are reset, and no others', async () => {
    const fleet = await open();
    await fleet.addPool({ name: POOL, size: 1 });
    const [session, access] = await claimed(fleet, 'alice');
    for (const vm of machinesOf(fleet, session)) {
      expect(await fleet.done(enter(fleet, vm, access)), vm.role).toBe('root');
    }
    const api = access.endpoints.find(({ name }) => name === 'kubernetes');
    expect(api?.url).toMatch(/^https:\/\/[\d.]+:6443$/);
    expect(parse(access.kubeconfig ?? '')).toMatchObject({
      kind: 'Config',
      clusters: [{ cluster: { server: api?.url, 'tls-server-name': 'kubernetes' } }],
    });
    expect(access.endpoints.map(({ name }) => name).toSorted()).toEqual([
      'kubernetes',
      'ssh',
      'ssh',
    ]);

    await release(fleet, session);
    const [next, others] = await claimed(fleet, 'bob');
    expect(others.sshPrivateKey).not.toBe(access.sshPrivateKey);
    for (const vm of machinesOf(fleet, next)) {
      expect(await fleet.done(enter(fleet, vm, others)), vm.role).toBe('root');
      expect(await fleet.done(enter(fleet, vm, access)), vm.role).toMatch(/authentication/);
    }
  });

  it('is not said to be there where guests take no commands', async () => {
    const fleet = await open();
    await fleet.addPool({ name: POOL, size: 1, readiness: 'PROBE' });
    await fleet.settled(POOL, 1);
    const session = await claim(fleet, POOL);
    await until(fleet, () => sessionOf(fleet, session).accessNextAt === null);
    expect(sessionOf(fleet, session)).toMatchObject({ accessReadyAt: null, statusMessage: null });
    expect(fleet.store.read((db) => db.select().from(secrets).all())).toEqual([]);
    const none = { kubeconfig: null, sshUser: null, sshPrivateKey: null, endpoints: [] };
    expect(await fleet.done(fleet.as('admin').readAccess(session))).toEqual(none);
  });
});
