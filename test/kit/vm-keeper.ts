import type { Held } from './claiming-client.ts';
import { inGuest, type SeenCluster, type VmYard } from './vm-yard.ts';

/** Somebody whose session outlives every kill, and in whose guest a command runs all the time. */
export class Keeper {
  #beats = -1;
  held: Held | undefined;

  async claim(yard: VmYard, pool: string): Promise<void> {
    const input = { pool, owner: 'keeper', ttlMinutes: 240 };
    const answer = await yard.send('createSession', input, '... on Session { id }');
    const id = String(answer['id']);
    const isMine = ({ assignedSession: it }: SeenCluster) =>
      it?.id === id && it.status === 'RUNNING';
    const { clusters } = await yard.untilPool(pool, (now) => now.clusters.some(isMine));
    this.held = { id, owner: 'keeper', cluster: clusters.find(isMine)?.name ?? null };
  }

  /** Begins the command, or sees that it has gone on. */
  async look(yard: VmYard): Promise<string[]> {
    const name = this.held?.cluster ?? '';
    return yard.withProvider(async (provider, store) => {
      const isFirst = this.#beats < 0;
      const work = 'while :; do echo x >> /root/beats; sleep 0.2; done';
      const begin = `(${work}) > /dev/null 2>&1 < /dev/null & sleep 1;`;
      const line = `${isFirst ? begin : ''} wc -l < /root/beats`;
      const before = this.#beats;
      this.#beats = Number((await inGuest(provider, store, name, line)).stdout);
      return this.#beats > before ? [] : [`what runs in ${name} stands at ${this.#beats}`];
    });
  }
}
