/** Events that go in on one side and come out at every subscriber on the other. */
import type { Audience } from './audience.ts';
import type { PinnedProcess } from './pinned-process.ts';

/** Makes one event, over one of several connections; each is used by one at a time. */
export type Fire = (connection: number) => Promise<void>;

/** How events follow one another. */
export interface Pace {
  /** Those who each make the next only when all subscribers have the last. */
  readonly makers: number;
  /** Events that each of them makes at the same moment. */
  readonly atOnce: number;
}

/** Few events are under way: what a delivery costs. */
export const CLOSED_LOOP: Pace = { makers: 2, atOnce: 1 };
/** Many events at the same moment: what can be saved when several go to the same subscriber. */
export const BURSTS: Pace = { makers: 1, atOnce: 32 };

/** What came of it. */
export interface Flow {
  readonly events: number;
  readonly deliveries: number;
  readonly seconds: number;
  /** Processor time of the server. */
  readonly cpuSeconds: number;
  /** The share of its core that the load took; near 1 it is what limits the rate. */
  readonly loadBusy: number;
}

/** Where events come from and where they go. */
export interface Channel {
  readonly server: Pick<PinnedProcess, 'cpuSeconds'>;
  readonly fire: Fire;
  /** Nobody, to see what the events cost by themselves. */
  readonly audience: Audience | undefined;
}

/** Makes events for so long, or so many, and waits until the last has been delivered to all. */
export async function flow(
  { server, fire, audience }: Channel,
  { makers, atOnce }: Pace,
  most: { readonly seconds: number; readonly events: number },
): Promise<Flow> {
  const [size, before] = [audience?.size ?? 0, audience?.counted ?? 0];
  const cpu = server.cpuSeconds();
  const own = process.cpuUsage();
  const began = performance.now();
  const end = began + most.seconds * 1_000;
  let events = 0;
  const keepFiring = async (maker: number) => {
    while (events + atOnce <= most.events && (events < makers || performance.now() < end)) {
      events += atOnce;
      const total = before + events * size;
      const connections = Array.from({ length: atOnce }, (_, n) => maker * atOnce + n);
      await Promise.all([...connections.map(fire), audience?.reached(total)]);
    }
  };
  await Promise.all(Array.from({ length: makers }, (_, maker) => keepFiring(maker)));
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(own);
  return {
    events,
    deliveries: events * size,
    seconds,
    cpuSeconds: server.cpuSeconds() - cpu,
    loadBusy: (user + system) / 1e6 / seconds,
  };
}
