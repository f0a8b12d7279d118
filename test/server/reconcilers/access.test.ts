import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { changesAfter } from '../../../db/change.ts';
import { putSecret } from '../../../db/secret.ts';
import { renewAccess } from '../../../db/session-access.ts';
import { audits, secrets } from '../../../db/tables.ts';
import { createVault } from '../../../db/vault.ts';
import { NotFound } from '../../../schema/model/refusal.ts';
import { hasAccess, type Session } from '../../../schema/model/session.ts';
import type { Provider } from '../../../server/providers/provider.ts';
import type { SimulatorMoment } from '../../../server/providers/simulator/faults.ts';
import { forgetUnopened } from '../../../server/secrets-key.ts';
import { Failpoints } from '../../kit/failpoints.ts';
import { faultAt } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  MINUTE,
  release,
  restart,
  runningYard,
  sessionOf,
  until,
} from '../../kit/pool-under-test.ts';
import type { Crashed, Yard, YardOptions } from '../../kit/yard.ts';

const POOL = { name: 'p', size: 1 } as const;
const OPERATION = { operation: 'access', step: 'write' } as const;

async function yardOf(options: YardOptions = {}): Promise<Yard> {
  const yard = runningYard({ speed: 20, ...options });
  await yard.addPool(POOL);
  await yard.settled('p', 1);
  return yard;
}

const read = (yard: Yard, session: Session, who = 'alice', role: 'ADMIN' | 'USER' = 'USER') =>
  yard.done(yard.as(who, role).readAccess(session));
const isReady = (yard: Yard, session: Session) => hasAccess(sessionOf(yard, session));
const ready = (yard: Yard, session: Session) => until(yard, () => isReady(yard, session));
const secretsIn = (yard: Yard) => yard.store.read((db) => db.select().from(secrets).all());
const WHY = { cause: 'PROVIDER_EVENT' } as const;
const NONE = { kubeconfig: null, sshUser: null, sshPrivateKey: null, endpoints: [] };

/** All text in the database but for the rows of secrets, and what the loops logged. */
function everythingIn(yard: Yard): string {
  const rows = yard.store.read(({ $client }) => {
    const tables = $client.prepare<[], { name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table'`,
    );
    return tables.all().map(({ name }) => $client.prepare(`SELECT * FROM "${name}"`).all());
  });
  return JSON.stringify([rows, yard.faults]);
}

describe('access', () => {
  it('comes after the claim, which waits for nothing, and is told live', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    expect(session.status).toBe('RUNNING');
    expect(isReady(yard, session)).toBe(false);
    expect(await read(yard, session)).toEqual(NONE);
    const before = yard.store.head().seq;
    await ready(yard, session);
    const told = yard.store.read((db) => changesAfter(db, before, 100));
    expect(told).toContainEqual(
      expect.objectContaining({
        type: 'SESSION',
        subjectId: session.id,
        reason: 'the ways in can be read',
      }),
    );
    expect(sessionOf(yard, session)).toMatchObject({ statusMessage: null, accessNextAt: null });
  });

  it('is a key of the session, a kubeconfig, and where the VMs are', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    await ready(yard, session);
    const access = await read(yard, session);
    const key = ssh2.utils.parseKey(access.sshPrivateKey ?? '');
    if (key instanceof Error) throw key;
    const { name } = clusterOf(yard, session.clusterId);
    const [vm] = [...yard.outside.clusters()].flatMap(({ vms }) => vms);
    expect(vm?.files['/home/snapyard/.ssh/authorized_keys']).toContain(
      key.getPublicSSH().toString('base64'),
    );
    expect(access.endpoints.map((each) => each.name)).toEqual(['ssh', 'ssh', 'kubernetes']);
    const server = access.endpoints.at(-1)?.url;
    expect(parse(access.kubeconfig ?? '')).toMatchObject({
      kind: 'Config',
      clusters: [{ name, cluster: { server } }],
      'current-context': `admin@${name}`,
    });
  });

  it('is read by its owner and by admins, and each read is on record before', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    await ready(yard, session);
    await expect(read(yard, session, 'bob')).rejects.toBeInstanceOf(NotFound);
    const own = await read(yard, session);
    expect(await read(yard, session, 'root', 'ADMIN')).toEqual(own);
    const records = yard.store.read((db) => db.select().from(audits).all());
    expect(records.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
      'alice readAccess',
      'root readAccess',
    ]);
  });

  it('goes with the session, and no other gets the same', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    await ready(yard, session);
    const { sshPrivateKey } = await read(yard, session);
    expect(secretsIn(yard).map(({ name }) => name)).toEqual(['ssh-key', 'access']);
    const ended = await release(yard, session);
    expect(secretsIn(yard)).toEqual([]);
    expect(await read(yard, ended)).toEqual(NONE);
    expect(await read(yard, session)).toEqual(NONE);
    await yard.settled('p', 1);
    const next = await claim(yard, 'p', 'bob');
    await ready(yard, next);
    expect((await read(yard, next, 'bob')).sshPrivateKey).not.toBe(sshPrivateKey);
  });

  it('that cannot be given is told on the session, which goes on, and tried again', async () => {
    const fault = { kind: 'ERROR', retryable: true, reason: 'the guest is deaf' } as const;
    const yard = await yardOf({ faults: faultAt({ ...OPERATION, when: 'BEFORE' }, fault, 3) });
    const session = await claim(yard, 'p');
    await until(yard, () => sessionOf(yard, session).accessAttempts === 3);
    const { accessNextAt, ...row } = sessionOf(yard, session);
    expect(row).toMatchObject({
      status: 'RUNNING',
      statusMessage: 'there is no access to its VMs yet: the guest is deaf',
    });
    expect((accessNextAt ?? 0) - yard.world.now()).toBe(50_000);
    await ready(yard, session);
    expect(sessionOf(yard, session)).toMatchObject({ statusMessage: null, accessAttempts: 0 });
  });

  it('that hangs is given up at its deadline', async () => {
    const yard = await yardOf({
      faults: faultAt({ ...OPERATION, when: 'AFTER' }, { kind: 'HANG' }, 1),
    });
    const session = await claim(yard, 'p');
    await until(yard, () => sessionOf(yard, session).accessAttempts === 1);
    expect(sessionOf(yard, session).statusMessage).toMatch(/yet: not done within \d+ s$/);
    await ready(yard, session);
  });

  it('that comes when the session has ended is nobody’s', async () => {
    const late = { kind: 'LATE', byMs: 3_000 } as const;
    const yard = await yardOf({ faults: faultAt({ ...OPERATION, when: 'AFTER' }, late, 1) });
    const session = await claim(yard, 'p');
    await until(yard, () => secretsIn(yard).length === 1);
    await release(yard, session);
    await yard.settled('p', 1);
    const next = await claim(yard, 'p', 'bob');
    await yard.world.advance(MINUTE);
    expect(secretsIn(yard).map(({ subjectId }) => subjectId)).toEqual([next.id, next.id]);
  });

  it('is not asked of a provider that has none to give', async () => {
    const without = (provider: Provider): Provider => ({
      ...provider,
      capabilities: { ...provider.capabilities, access: false },
      access: () => Promise.reject(new Error('it was asked')),
    });
    const yard = await yardOf({ wrapProvider: without });
    const session = await claim(yard, 'p');
    await yard.world.advance(10 * MINUTE);
    expect(sessionOf(yard, session)).toMatchObject({ accessReadyAt: null, statusMessage: null });
    expect(await read(yard, session)).toEqual(NONE);
  });

  it('is obtained anew when a VM has another address', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    await ready(yard, session);
    const before = await read(yard, session);
    const [cluster] = yard.outside.clusters();
    if (cluster === undefined) throw new Error('no cluster');
    // Each start gives a VM another address.
    const vms = cluster.vms.map((vm) => ({ ...vm, starts: vm.starts + 1 }));
    yard.outside.change({ cluster: { ...cluster, vms } });
    const { accessReadyAt } = sessionOf(yard, session);
    await until(yard, () => sessionOf(yard, session).accessReadyAt !== accessReadyAt);
    const after = await read(yard, session);
    expect(after.sshPrivateKey).toBe(before.sshPrivateKey);
    expect(after.endpoints).not.toEqual(before.endpoints);
    const server = after.endpoints.at(-1)?.url;
    expect(parse(after.kubeconfig ?? '')).toMatchObject({ clusters: [{ cluster: { server } }] });
  });
});

describe('access that changes while it is obtained', () => {
  it('is obtained once more', async () => {
    let calls = 0;
    const moving = (provider: Provider): Provider => ({
      ...provider,
      access: async (...asked) => {
        calls += 1;
        const given = await provider.access(...asked);
        if (calls === 1) await yard.store.transact((tx) => renewAccess(tx, session.id, WHY));
        return given;
      },
    });
    const yard = await yardOf({ wrapProvider: moving });
    const session = await claim(yard, 'p');
    await ready(yard, session);
    await until(yard, () => calls === 2);
    await until(yard, () => sessionOf(yard, session).accessNextAt === null);
    await yard.world.advance(MINUTE);
    expect(calls).toBe(2);
  });

  it('is read as it was where it cannot be renewed, and that is what is told', async () => {
    const broken = { isSo: false };
    const plan = faultAt(
      { ...OPERATION, when: 'BEFORE' },
      { kind: 'ERROR', retryable: true, reason: 'the guest is deaf' },
    );
    const faults = { at: (moment: SimulatorMoment) => (broken.isSo ? plan.at(moment) : undefined) };
    const yard = await yardOf({ faults });
    const session = await claim(yard, 'p');
    await ready(yard, session);
    const before = await read(yard, session);
    broken.isSo = true;
    const why = { cause: 'PROVIDER_EVENT' } as const;
    await yard.done(yard.store.transact((tx) => renewAccess(tx, session.id, why)));
    await until(yard, () => sessionOf(yard, session).accessAttempts === 1);
    expect(sessionOf(yard, session).statusMessage).toBe(
      'the access to its VMs could not be renewed yet: the guest is deaf',
    );
    expect(await read(yard, session)).toEqual(before);
    broken.isSo = false;
    await until(yard, () => sessionOf(yard, session).accessNextAt === null);
    expect(sessionOf(yard, session).statusMessage).toBeNull();
  });
});

describe('secrets of sessions', () => {
  it('are nowhere but sealed in their table', async () => {
    const yard = await yardOf();
    const input = { pool: 'p', idempotencyKey: 'once' };
    const session = await yard.done(yard.as('alice', 'USER').createSession(input));
    await ready(yard, session);
    const { sshPrivateKey, kubeconfig } = await read(yard, session);
    const pieces = (sshPrivateKey ?? '').split('\n').filter((line) => line.length > 40);
    const token = /token: (\S+)/.exec(kubeconfig ?? '')?.[1] ?? '';
    expect(pieces.length).toBeGreaterThan(3);
    const all = everythingIn(yard);
    expect(all).toContain(session.id);
    for (const piece of [...pieces, token, 'PRIVATE KEY', 'current-context']) {
      expect(piece).not.toBe('');
      expect(all).not.toContain(piece);
    }
  });

  it('of another key are forgotten at the start, and obtained anew', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    await ready(yard, session);
    const { sshPrivateKey } = await read(yard, session);
    const other = createVault(Buffer.alloc(32, 9), yard.world);
    const foreign = other.seal({ subjectId: session.id, name: 'ssh-key' }, 'x');
    await yard.done(yard.store.transact((tx) => putSecret(tx, foreign)));
    expect(await read(yard, session)).toEqual(NONE);
    await ready(yard, session);
    const anew = await read(yard, session);
    expect(anew.sshPrivateKey).not.toBe(sshPrivateKey);

    expect(await yard.done(forgetUnopened(yard.store, other))).toBe(2);
    expect(secretsIn(yard)).toEqual([]);
    expect(isReady(yard, session)).toBe(false);
    await ready(yard, session);
    expect((await read(yard, session)).sshPrivateKey).not.toBe(anew.sshPrivateKey);
    expect(await yard.done(forgetUnopened(yard.store, other))).toBe(2);
  });

  it('are one key and one answer wherever the process is killed', async () => {
    const deaths: { point: string; left: Crashed }[] = [];
    let session: Session | undefined;
    const failpoints = new Failpoints((point) => {
      if (session !== undefined) deaths.push({ point, left: yard.putBy() });
    });
    const yard = await yardOf({
      wrapStore: (store) => failpoints.store(store),
      wrapProvider: (provider) => failpoints.provider(provider),
    });
    const claimed = await claim(yard, 'p');
    session = claimed;
    await ready(yard, claimed);
    session = undefined;
    const ours = deaths.filter(({ point }) => point.includes('access'));
    expect(ours.length).toBeGreaterThanOrEqual(6);
    for (const { point, left } of deaths) {
      const next = left.open({ speed: 20 });
      next.loops.start();
      await ready(next, claimed);
      const access = await read(next, claimed);
      const key = ssh2.utils.parseKey(access.sshPrivateKey ?? '');
      if (key instanceof Error) throw key;
      const known = [...next.outside.clusters()].flatMap(({ vms }) =>
        vms.map(({ files }) => files['/home/snapyard/.ssh/authorized_keys']?.split(' ')[1]),
      );
      const mine = key.getPublicSSH().toString('base64');
      expect(known, point).toEqual([mine, mine]);
      expect(next.faults).toEqual([]);
      await next.close();
    }
  });

  it('stay as they are through a restart', async () => {
    const yard = await yardOf();
    const session = await claim(yard, 'p');
    await ready(yard, session);
    const before = await read(yard, session);
    const next = restart(yard, { speed: 20 });
    expect(await read(next, session)).toEqual(before);
  });
});
