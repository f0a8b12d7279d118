import { logPoolChange } from '../../db/change.ts';
import { addPool } from '../../server/pools.ts';
import { parseCursor } from '../../schema/model/cursor.ts';
import { RandomHistory } from '../kit/history.ts';
import { seeded } from '../kit/seeded.ts';
import { addFreeCluster } from '../kit/store.ts';
import { Audience } from './audience.ts';
import type { Bug, Ports } from './ports.ts';
import { Servers, TRAITS } from './servers.ts';

const STEPS = 32;
const WHY = { cause: 'PROVIDER_EVENT' } as const;

/** What a run has shown. */
export interface Played {
  readonly faults: readonly string[];
  /** What happened, for whoever looks for the cause. */
  readonly story: readonly string[];
  readonly counts: Readonly<Record<'messages' | 'resyncs' | 'changes' | 'kills', number>>;
}

/**
 * One run: random changes under readers of every kind, who drop, pause and are slow, of a server
 * that is killed, stopped, trimmed and put back. The same seed plays the same run.
 */
export async function play(seed: number, bug?: Bug): Promise<Played> {
  const run = new Run(seed, bug?.plant(seeded(seed + 77)) ?? {});
  try {
    await run.begin();
    for (let step = 0; step < STEPS && !run.hasFaults; step += 1) await run.step();
    await run.calm();
    return run.outcome();
  } finally {
    await run.close();
  }
}

class Run {
  readonly #random: () => number;
  readonly #servers: Servers;
  readonly #history: RandomHistory;
  readonly #audience: Audience;
  readonly #story: string[] = [];
  #kills = 0;

  constructor(seed: number, ports: Ports) {
    this.#random = seeded(seed);
    this.#servers = new Servers(seed, ports);
    this.#history = new RandomHistory(this.#random);
    this.#audience = new Audience(this.#servers, this.#random);
    this.#servers.onEnd(() => this.#audience.lose());
  }

  get hasFaults(): boolean {
    return this.#audience.faults().length + this.#servers.faults.length > 0;
  }

  async begin(): Promise<void> {
    await this.#servers.transact((tx) => {
      const input = { name: 'cks', provider: 'SIMULATOR', size: 4 } as const;
      const pool = addPool(tx, input, TRAITS, WHY);
      for (let n = 0; n < 3; n += 1) addFreeCluster(tx, pool);
    });
    await this.#audience.assemble();
  }

  async step(): Promise<void> {
    const servers = this.#servers;
    this.#disturb();
    await this.#happen();
    if (servers.isDown) await this.#startAgain();
    await this.#meddle();
    await servers.world.advance(this.#pause());
    if (servers.isDown) await this.#startAgain();
  }

  /** All is quiet, everybody reads: within a second they hold what is there. */
  async calm(): Promise<void> {
    if (this.hasFaults) return;
    this.#tell('calm');
    this.#servers.forgetHooks();
    this.#audience.rest();
    await this.#servers.world.advance(1_000);
    this.#audience.checkAtEnd();
    if (this.hasFaults) return;
    // Long enough for several signs of life.
    await this.#servers.world.advance(22_000);
    this.#audience.leave();
    await this.#servers.stop();
  }

  outcome(): Played {
    const { messages, resyncs } = this.#audience;
    const changes = this.#history.log.length;
    const faults = [...this.#servers.faults, ...this.#audience.faults()];
    return {
      faults,
      story: this.#story,
      counts: { messages, resyncs, changes, kills: this.#kills },
    };
  }

  async close(): Promise<void> {
    this.#audience.leave();
    await this.#servers.close();
  }

  #tell(text: string): void {
    this.#story.push(`${this.#servers.world.elapsed()} ms: ${text}`);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** Mostly moments, sometimes long enough for signs of life. */
  #pause(): number {
    const what = this.#random();
    if (what < 0.04) return 25_000;
    return what < 0.15 ? this.#below(4_000) : this.#below(300);
  }

  /** Readers come, go and pause: now, or while others are being told. */
  #disturb(): void {
    for (let n = this.#below(5); n > 0; n -= 1) {
      const act = this.#audience.disturbance((text) => this.#tell(text));
      const when = this.#below(4);
      if (when < 2) act();
      else this.#servers.inTheMiddleOf(when === 2 ? 'commit' : 'write', this.#below(6), act);
    }
    if (this.#random() < 0.06) {
      const what = this.#random() < 0.5 ? 'commit' : 'write';
      this.#servers.inTheMiddleOf(what, this.#below(8), () =>
        this.#kill(`in the middle of a ${what}`),
      );
    }
  }

  #kill(when: string): void {
    this.#tell(`killed ${when}`);
    this.#kills += 1;
    this.#servers.kill();
  }

  async #happen(): Promise<void> {
    const what = this.#random();
    if (what < 0.03) return await this.#hugeVerb();
    if (what < 0.06) return await this.#longStretch();
    for (let burst = this.#below(3); burst >= 0 && !this.#servers.isDown; burst -= 1) {
      await this.#history.step(this.#servers.kit());
    }
  }

  /** One verb that is larger than a page of the log. */
  async #hugeVerb(): Promise<void> {
    this.#tell('a huge verb');
    const poolId = this.#servers.poolId('cks') ?? '';
    await this.#servers.transact((tx) => {
      for (let n = 0; n < 300; n += 1) logPoolChange(tx, poolId, WHY);
    });
  }

  /** Many verbs, of no interest to most. */
  async #longStretch(): Promise<void> {
    this.#tell('a long stretch');
    const poolId = this.#servers.poolId('two') ?? this.#servers.poolId('cks') ?? '';
    for (let n = 0; n < 30 && !this.#servers.isDown; n += 1) {
      await this.#servers.transact((tx) => {
        for (let row = 0; row < 9; row += 1) logPoolChange(tx, poolId, WHY);
      });
    }
  }

  /** What people and machines do to a server. */
  async #meddle(): Promise<void> {
    const what = this.#random();
    if (what < 0.1) await this.#trim();
    else if (what < 0.13) await this.#restart();
    else if (what < 0.16) this.#killAndStart();
    else if (what < 0.22) this.#backUp();
    else if (what < 0.25) await this.#restore();
    else if (what < 0.29) this.#jump();
  }

  /** Sometimes just up to where somebody stands. */
  async #trim(): Promise<void> {
    const head = this.#servers.store.head().seq;
    const stands = this.#random() < 0.5 ? this.#audience.someCursor() : undefined;
    const upTo = parseCursor(stands ?? '')?.seq ?? head - this.#below(40);
    this.#tell(`trimmed up to ${upTo}`);
    await this.#servers.trim(Math.min(upTo, head));
  }

  async #restart(): Promise<void> {
    this.#tell('stopped and started');
    this.#audience.leave();
    await this.#servers.stop();
    this.#servers.start();
  }

  #killAndStart(): void {
    this.#kill('at rest');
    this.#servers.start();
  }

  #backUp(): void {
    this.#tell('backed up');
    this.#servers.backUp();
  }

  async #restore(): Promise<void> {
    if (!this.#servers.hasBackup) return;
    this.#tell('put back');
    this.#audience.leave();
    await this.#servers.stop();
    this.#servers.startOnBackup();
    this.#history.forget();
  }

  #jump(): void {
    const ms = (this.#random() < 0.5 ? -1 : 1) * 3_600_000;
    this.#tell(`the clock jumps by ${ms} ms`);
    this.#servers.world.jumpClock(ms);
  }

  /** Sometimes on a copy: then whatever was not in it is gone. */
  async #startAgain(): Promise<void> {
    this.#servers.forgetHooks();
    if (this.#servers.hasBackup && this.#random() < 0.2) {
      this.#tell('started on a backup');
      this.#servers.startOnBackup();
      this.#history.forget();
    } else this.#servers.start();
    await this.#servers.world.settle();
  }
}
