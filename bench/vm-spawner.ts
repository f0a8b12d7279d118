/**
 * Spawns VMs as a client does: the mutation goes out on a connection that is kept, and the time
 * ends when the feed, to which the client has subscribed, tells that the session is RUNNING. It is
 * when the guest has answered that it has its new identity.
 */
import { z } from 'zod';
import { bodyOf, Line } from './load.ts';
import { Subscriber } from './subscriber.ts';

/** A VM that was spawned. */
export interface Spawned {
  readonly vmId: string;
  /** From the mutation sent to RUNNING heard, in milliseconds. */
  readonly ms: number;
  /** From the claim to an answering guest, as the server says. */
  readonly toldMs: number;
  /** WARM, SNAPSHOT or COLD_BOOT, as the server says. */
  readonly origin: string;
}

/** Told when anything but a session has come into a state, or has left one. */
export type Moved = (type: string, from: string | null, to: string | null) => void;

const SPAWN = `mutation Spawn($pool: String!) {
  spawnVm(input: { pool: $pool }) {
    __typename
    ... on VmHandle { id session { id } }
    ... on UserError { code message }
  }
}`;
const DESTROY = `mutation Destroy($vm: ID!) {
  destroyVm(input: { vmId: $vm }) { __typename ... on UserError { code message } }
}`;
const WATCH = `subscription Watch($pool: String!) {
  changes(filter: { pool: $pool, types: [SESSION, CLUSTER, SNAPSHOT] }) {
    __typename
    ... on FeedChanges {
      changes {
        type from to reason
        subject { session { id vms { origin spawnDurationMs } } }
      }
    }
  }
}`;
const LONGEST_MS = 60_000;

const spawnAnswer = z.object({
  data: z.object({
    spawnVm: z.union([
      z.object({ id: z.string(), session: z.object({ id: z.string() }) }),
      z.object({ code: z.string(), message: z.string() }),
    ]),
  }),
});
const session = z.object({
  id: z.string(),
  vms: z.array(z.object({ origin: z.string().nullable(), spawnDurationMs: z.number().nullable() })),
});
const change = z.object({
  type: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  reason: z.string().nullable(),
  subject: z.object({ session: session.nullish() }).nullable(),
});
const message = z.object({
  payload: z.object({ data: z.object({ changes: z.object({ changes: z.array(change) }) }) }),
});
type Change = z.infer<typeof change>;

/** When a session was heard to run, or why it does not. */
type Heard =
  | { readonly at: number; readonly toldMs: number; readonly origin: string }
  | { readonly failure: string };

/** A client of one pool. */
export class Spawner {
  readonly #pool: string;
  readonly #lines: readonly Line[];
  readonly #moved: Moved;
  readonly #heard = new Map<string, PromiseWithResolvers<Heard>>();
  #ear: Subscriber | undefined;

  private constructor(pool: string, lines: readonly Line[], moved: Moved) {
    this.#pool = pool;
    this.#lines = lines;
    this.#moved = moved;
  }

  /** Connects so many lines to a server and subscribes to the changes of a pool. */
  static async open(
    address: string,
    pool: string,
    lines: number,
    moved: Moved = () => {},
  ): Promise<Spawner> {
    const spawner = new Spawner(pool, await Line.openMany(address, lines), moved);
    const wish = {
      address,
      operation: { query: WATCH, variables: { pool } },
      first: 1,
      marker: '"FeedChanges"',
    };
    spawner.#ear = await Subscriber.open(wish, 'spawner', {
      counted: () => {},
      text: (text) => spawner.#hear(text),
      ended: (error) => spawner.#deafen(error),
    });
    return spawner;
  }

  /** Spawns a VM over one of the lines. Throws with the reason where there is none. */
  async spawn(line = 0): Promise<Spawned> {
    const began = performance.now();
    const text = await this.#lineOf(line).ask(bodyOf(SPAWN, { pool: this.#pool }));
    const answer = spawnAnswer.parse(JSON.parse(text)).data.spawnVm;
    if ('code' in answer) throw new Error(`${answer.code}: ${answer.message}`);
    const heard = await soon(this.#waitFor(answer.session.id).promise);
    this.#heard.delete(answer.session.id);
    if ('failure' in heard) throw new Error(heard.failure);
    const { at, toldMs, origin } = heard;
    return { vmId: answer.id, ms: at - began, toldMs, origin };
  }

  /** Gives a VM back. */
  async destroy({ vmId }: Spawned, line = 0): Promise<void> {
    const text = await this.#lineOf(line).ask(bodyOf(DESTROY, { vm: vmId }));
    if (!text.includes('"VmHandle"')) throw new Error(`it was not destroyed: ${text}`);
  }

  /** Hangs up. */
  close(): void {
    this.#ear?.close();
    for (const line of this.#lines) line.close();
  }

  #lineOf(index: number): Line {
    const line = this.#lines[index];
    if (line === undefined) throw new Error(`there is no line ${index}`);
    return line;
  }

  /** What is heard may come before the answer that says whom it is about. */
  #waitFor(id: string): PromiseWithResolvers<Heard> {
    const known = this.#heard.get(id) ?? Promise.withResolvers<Heard>();
    this.#heard.set(id, known);
    return known;
  }

  #hear(text: string): void {
    const at = performance.now();
    if (!text.includes('"FeedChanges"')) return;
    for (const one of message.parse(JSON.parse(text)).payload.data.changes.changes) {
      if (one.type === 'SESSION') this.#hearSession(one, at);
      else this.#moved(one.type, one.from, one.to);
    }
  }

  #hearSession({ to, reason, subject }: Change, at: number): void {
    if (subject?.session == null) return;
    const { id, vms } = subject.session;
    const { origin, spawnDurationMs } = vms[0] ?? {};
    const told = { toldMs: spawnDurationMs ?? NaN, origin: origin ?? 'UNKNOWN' };
    if (to === 'RUNNING') this.#waitFor(id).resolve({ at, ...told });
    if (to === 'FAILED') this.#waitFor(id).resolve({ failure: reason ?? 'it failed' });
  }

  #deafen(error: Error): void {
    for (const { resolve } of this.#heard.values()) resolve({ failure: error.message });
  }
}

async function soon(heard: Promise<Heard>): Promise<Heard> {
  const timer = Promise.withResolvers<Heard>();
  const failure = `not RUNNING after ${LONGEST_MS / 1_000} s`;
  const timeout = setTimeout(() => timer.resolve({ failure }), LONGEST_MS);
  try {
    return await Promise.race([heard, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
