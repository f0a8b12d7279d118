import { findPoolByName, findPools } from '../../db/cluster-pool.ts';
import { findUnfinishedJobs } from '../../db/job.ts';
import { findLive } from '../../db/session.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { Session } from '../../schema/model/session.ts';
import type { VmRole } from '../../schema/model/template.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { setId } from '../../server/outside.ts';
import { readAllRows } from '../kit/all-rows.ts';
import type { Asked } from './claims-model.ts';
import type { Wish } from './ledger.ts';
import type { Scene } from './scene.ts';

/** Live sessions that one owner may have in the pool that refuses. */
export const QUOTA = 3;

/** The pool that comes and goes: another each time, to which no key can be carried over. */
const BRIEF = 'brief';

const MINUTE = 60_000;
const ADMIN: Viewer = { name: 'admin', role: 'ADMIN' };
const OTHER: Wish = { kind: 'OTHER' };
const ROLES: readonly VmRole[] = ['CONTROL_PLANE', 'WORKER'];

/** A claim as it was asked under a key. */
interface KeyedClaim {
  readonly pool: ClusterPool;
  readonly asked: Asked;
}

/** What people, admins and the world outside do at a scene, by chance. */
export class Deeds {
  /** How far the clock was set back, all times together. */
  setBackMs = 0;
  /** Sets that were deleted outside: nobody knows before they are used. */
  readonly lostSets = new Set<string>();
  readonly #scene: Scene;
  readonly #random: () => number;
  readonly #silent: { readonly id: string; readonly role: VmRole }[] = [];
  readonly #claims: KeyedClaim[] = [];
  #guests = 0;
  #keys = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#random = scene.random;
  }

  /** Makes the pools of a scene: one that refuses, one that queues, one that makes clusters. */
  async addPools(): Promise<void> {
    const { yard } = this.#scene;
    const quick = { sessionTtlMinutes: 2, maxWaitSeconds: 60 };
    await yard.addPool({ name: 'refuse', size: 2, maxSessionsPerOwner: QUOTA, ...quick });
    await yard.addPool({ name: 'queue', size: 2, whenEmpty: 'QUEUE', ...quick });
    const makes = { whenEmpty: 'PROVISION', recycle: 'REPLACE', maxClusters: 3 } as const;
    await yard.addPool({ name: 'make', size: 1, ...makes, ...quick });
  }

  /** Does one thing, and says what. */
  act(): string {
    const deeds: (() => string)[] = [
      ...Array.from({ length: 5 }, () => () => this.#claim()),
      ...Array.from({ length: 2 }, () => () => this.#burst()),
      ...Array.from({ length: 5 }, () => () => this.#release()),
      ...Array.from({ length: 2 }, () => () => this.#extend()),
      ...Array.from({ length: 2 }, () => () => this.#die()),
      () => this.#repeat(),
      () => this.#stranger(),
      () => this.#resize(),
      () => this.#job(),
      () => this.#cancel(),
      () => this.#clear(),
      () => this.#briefPool(),
      () => this.#vanish(),
      () => this.#trouble(),
      () => this.#jump(),
      () => this.#trim(),
    ];
    return this.#oneOf(deeds)?.() ?? 'nothing';
  }

  /** Those whose server died ask the next one for the same, most of them. */
  askAgain(): string[] {
    // Without a key it would be another claim.
    const repeatable = this.#scene.lost.filter(
      ({ wish }) => wish.kind !== 'CLAIM' || wish.asked.key !== null,
    );
    const again = repeatable.filter(() => this.#random() < 0.8);
    for (const request of again) this.#scene.send(request);
    return again.map(({ told }) => `again: ${told}`);
  }

  /** Ends what would go wrong for ever. */
  calm(): void {
    this.#scene.faults.stop();
    this.#scene.process.dieAtPoint(Infinity);
    for (const { id, role } of this.#silent) this.#scene.yard.simulator.silence(id, role, false);
  }

  #oneOf<T>(choices: readonly T[]): T | undefined {
    return choices[Math.floor(this.#random() * choices.length)];
  }

  #pool(): ClusterPool {
    const pool = this.#oneOf(this.#scene.yard.store.read(findPools));
    if (pool === undefined) throw new Error('there is no pool');
    return pool;
  }

  #live(): Session | undefined {
    const { store } = this.#scene.yard;
    return this.#oneOf(
      store.read((db) => findPools(db).flatMap(({ id }) => findLive(db, id, 100))),
    );
  }

  #newKey(): string {
    this.#keys += 1;
    return `key-${this.#keys}`;
  }

  #claim(pool = this.#pool(), key: string | null = this.#newKey()): string {
    // A guest claims once only and without a key: what becomes of that is told by the name.
    const isGuest = this.#random() < 0.2 || pool.name === BRIEF;
    if (isGuest) this.#guests += 1;
    const owner = isGuest ? `guest-${this.#guests}` : `owner-${Math.floor(this.#random() * 4)}`;
    const claim = { pool, asked: { owner, key: isGuest ? null : key, ttl: 2 } };
    if (!isGuest) this.#claims.push(claim);
    return this.#sendClaim(claim);
  }

  #sendClaim({ pool, asked }: KeyedClaim): string {
    const { owner, key: idempotencyKey, ttl: ttlMinutes } = asked;
    const told = `${owner} claims of ${pool.name} for ${ttlMinutes} min (${idempotencyKey})`;
    this.#scene.send({
      told,
      wish: { kind: 'CLAIM', poolId: pool.id, asked },
      viewer: { name: owner, role: 'USER' },
      ask: (verbs) => verbs.createSession({ pool: pool.name, idempotencyKey, ttlMinutes }),
    });
    return told;
  }

  /** Somebody claims once more under a key, now and then for something else. */
  #repeat(): string {
    const claim = this.#oneOf(this.#claims);
    if (claim === undefined) return 'nothing to repeat';
    const ttl = this.#random() < 0.3 ? claim.asked.ttl + 1 : claim.asked.ttl;
    return this.#sendClaim({ ...claim, asked: { ...claim.asked, ttl } });
  }

  /** Several claim of one pool in one turn, some of them twice. */
  #burst(): string {
    const pool = this.#pool();
    const keys = Array.from({ length: 2 + Math.floor(this.#random() * 4) }, () => this.#newKey());
    const twice = this.#random() < 0.3 ? keys.slice(0, 1) : [];
    return [...keys, ...twice].map((key) => this.#claim(pool, key)).join(' + ');
  }

  #release(): string {
    const session = this.#live();
    if (session === undefined) return 'nothing to release';
    const { id, poolId, owner, status } = session;
    const told = `${owner} releases ${status} ${id}`;
    this.#scene.send({
      told,
      wish: { kind: 'RELEASE', poolId, id },
      viewer: this.#random() < 0.2 ? ADMIN : { name: owner, role: 'USER' },
      ask: (verbs) => verbs.releaseSession(id),
    });
    return told;
  }

  #extend(): string {
    const session = this.#live();
    if (session === undefined) return 'nothing to extend';
    const { id, poolId, owner } = session;
    const minutes = Math.ceil(this.#random() * 30);
    const told = `${owner} extends ${id} to ${minutes} min`;
    this.#scene.send({
      told,
      wish: { kind: 'EXTEND', poolId, id },
      viewer: { name: owner, role: 'USER' },
      ask: (verbs) => verbs.extendSession({ sessionId: id, minutes }),
    });
    return told;
  }

  /** The sessions of others are not even there. */
  #stranger(): string {
    const session = this.#live();
    if (session === undefined) return 'nothing to meddle with';
    const told = `a stranger releases ${session.id}`;
    const viewer: Viewer = { name: 'stranger', role: 'USER' };
    const ask = async (verbs: ControlPlane) => {
      await verbs.releaseSession(session.id);
      throw new Error('a stranger was let in');
    };
    this.#scene.send({ told, wish: OTHER, viewer, ask });
    return told;
  }

  #asAdmin(told: string, ask: (verbs: ControlPlane) => Promise<unknown>): string {
    this.#scene.send({ told, wish: OTHER, viewer: ADMIN, ask });
    return told;
  }

  #resize(): string {
    const { name } = this.#pool();
    const size = Math.ceil(this.#random() * 3);
    return this.#asAdmin(`${name} has size ${size}`, (verbs) =>
      verbs.updateClusterPool({ name, size }),
    );
  }

  #job(): string {
    const { name } = this.#pool();
    const cluster = this.#oneOf(this.#scene.yard.members(name))?.id ?? '';
    const sessionId = this.#live()?.id ?? null;
    const jobs: Record<string, (verbs: ControlPlane) => Promise<unknown>> = {
      'create snapshots': (admin) => admin.createSnapshots({ pool: name }),
      'recreate snapshots': (admin) => admin.recreateSnapshots({ pool: name, mode: 'OFFLINE' }),
      'capture a session': (admin) => admin.recreateSnapshots({ pool: name, sessionId }),
      'delete snapshots': (admin) => admin.deleteSnapshots(name),
      'reset a cluster': (admin) => admin.resetCluster(cluster),
      'repair a cluster': (admin) => admin.repairCluster(cluster),
      bootstrap: (admin) => admin.bootstrapPool(name),
      'warm up': (admin) => admin.warmUpPool(name),
    };
    const [what, ask] = this.#oneOf(Object.entries(jobs)) ?? ['nothing', () => Promise.resolve()];
    return this.#asAdmin(`${what} in ${name}`, ask);
  }

  #cancel(): string {
    const job = this.#oneOf(this.#scene.yard.store.read(findUnfinishedJobs));
    if (job === undefined) return 'nothing to cancel';
    return this.#asAdmin(`cancel ${job.kind}`, (verbs) => verbs.cancelJob(job.id));
  }

  #clear(): string {
    const { name } = this.#pool();
    if (this.#random() < 0.5) return 'nobody is sent away';
    return this.#asAdmin(`all leave ${name}`, (verbs) => verbs.releaseAllClusters(name));
  }

  /** A pool that comes and goes. */
  #briefPool(): string {
    const name = BRIEF;
    const isThere = this.#scene.yard.store.read((db) => findPoolByName(db, name)) !== undefined;
    if (isThere) return this.#asAdmin('delete brief', (verbs) => verbs.deleteClusterPool(name));
    const input = { name, provider: 'SIMULATOR', size: 1, sessionTtlMinutes: 2 } as const;
    return this.#asAdmin('create brief', (verbs) => verbs.createClusterPool(input));
  }

  #vanish(): string {
    const cluster = this.#oneOf(this.#scene.yard.members(this.#pool().name));
    if (cluster === undefined) return 'nothing vanishes';
    this.#scene.yard.simulator.vanish(cluster.id, this.#oneOf(ROLES));
    return `a VM of ${cluster.name} vanishes`;
  }

  /** A guest hangs or is shut down, or somebody deletes a set behind our back. */
  #trouble(): string {
    const { yard } = this.#scene;
    const { simulator, store } = yard;
    const cluster = this.#oneOf(yard.members(this.#pool().name));
    const role = this.#oneOf(ROLES) ?? 'WORKER';
    const what = this.#oneOf(['hang', 'shut down', 'lose'] as const);
    if (cluster === undefined) return 'no trouble';
    if (what === 'lose') {
      const set = this.#oneOf(store.read(readAllRows).snapshots);
      if (set === undefined) return 'no set is lost';
      this.lostSets.add(setId(set));
      simulator.loseSet(setId(set));
      return `set ${setId(set)} is lost`;
    }
    if (what === 'shut down') simulator.shutDown(cluster.id, role);
    else {
      this.#silent.push({ id: cluster.id, role });
      simulator.silence(cluster.id, role);
    }
    return `${role} of ${cluster.name}: ${what}`;
  }

  #jump(): string {
    const ms = Math.round((this.#random() - 0.5) * 2 * 60 * MINUTE);
    this.setBackMs += Math.max(-ms, 0);
    this.#scene.yard.world.jumpClock(ms);
    return `the clock is set by ${ms} ms`;
  }

  /** The beginning of the log is forgotten, as far as it has been looked at. */
  #trim(): string {
    const keep = Math.floor(this.#random() * 60);
    this.#scene.trim(keep);
    return `the log is trimmed to ${keep} rows`;
  }

  /** The process is killed: now, soon, at one of the next things it does, or between two turns. */
  #die(): string {
    const { process, yard } = this.#scene;
    const how = this.#random();
    if (how < 0.4) {
      const point = 1 + Math.floor(this.#random() * 30);
      process.dieAtPoint(point);
      return `dies at point ${point}`;
    }
    const inMs = how < 0.6 ? 0 : Math.ceil(this.#random() * 5_000);
    const turns = how < 0.7 ? Math.floor(this.#random() * 12) : 0;
    yard.world.after(inMs, () => void process.dieAfterTurns(turns));
    return `dies in ${inMs} ms after ${turns} turns`;
  }
}
