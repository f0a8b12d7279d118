/** The pool of real VMs that is measured: made, brought to a size, and removed again. */
import { z } from 'zod';
import { bodyOf, type Line } from './load.ts';

/** What a pool is like now. */
export interface PoolState {
  readonly available: number;
  readonly total: number;
  /** Template sets that are there, and that are being made. */
  readonly ready: number;
  readonly creating: number;
}

const CREATE = `mutation Create($name: String!, $most: Int!) {
  createClusterPool(input: {
    name: $name, provider: QEMU, size: 1, maxClusters: $most, lazy: true, whenEmpty: PROVISION
  }) { __typename ... on UserError { code message } }
}`;
const RESIZE = `mutation Resize($name: String!, $size: Int!) {
  updateClusterPool(input: { name: $name, size: $size }) {
    __typename ... on UserError { code message }
  }
}`;
const DELETE = `mutation Delete($name: String!) {
  deleteClusterPool(input: { name: $name }) { __typename ... on UserError { code message } }
}`;
const STATE = `query State($name: String!) {
  clusterPool(name: $name) {
    replenishPaused
    stats { totalClusters availableClusters }
    clusters(first: 100) { edges { node { statusMessage } } }
  }
  snapshots(pool: $name, first: 100) { edges { node { status statusMessage } } }
}`;
const LOOK_MS = 20;
const LONGEST_MS = 180_000;

const edges = <Node extends z.ZodType>(node: Node) =>
  z.object({ edges: z.array(z.object({ node })) });
const state = z.object({
  data: z.object({
    clusterPool: z.object({
      replenishPaused: z.string().nullable(),
      stats: z.object({ totalClusters: z.number(), availableClusters: z.number() }),
      clusters: edges(z.object({ statusMessage: z.string().nullable() })),
    }),
    snapshots: edges(z.object({ status: z.string(), statusMessage: z.string().nullable() })),
  }),
});

/** A pool that the bench has made. */
export class VmPool {
  readonly name: string;
  readonly #line: Line;

  private constructor(line: Line, name: string) {
    this.#line = line;
    this.name = name;
  }

  /** Makes a pool that begins with its first spawn, of one VM, and of at most so many. */
  static async create(line: Line, name: string, most: number): Promise<VmPool> {
    const pool = new VmPool(line, name);
    await pool.#ask(CREATE, { name, most });
    return pool;
  }

  /** Has it keep so many. */
  async resize(size: number): Promise<void> {
    await this.#ask(RESIZE, { name: this.name, size });
  }

  /** What it is like now. */
  async state(): Promise<PoolState> {
    const { clusterPool, snapshots } = (await this.#look()).data;
    const count = (status: string) =>
      snapshots.edges.filter(({ node }) => node.status === status).length;
    return {
      available: clusterPool.stats.availableClusters,
      total: clusterPool.stats.totalClusters,
      ready: count('READY'),
      creating: count('CREATING'),
    };
  }

  /** Waits until it is as it should be. */
  async until(isIt: (state: PoolState) => boolean): Promise<void> {
    const latest = performance.now() + LONGEST_MS;
    while (!isIt(await this.state())) {
      if (performance.now() > latest) throw new Error(`${this.name} waits: ${await this.#why()}`);
      await pause();
    }
  }

  /** Waits until so many are ready, and nothing is being made. */
  untilFull(size: number): Promise<void> {
    return this.until((s) => s.available === size && s.total === size && s.creating === 0);
  }

  /** Deletes it, and waits until nothing of it is left. */
  async delete(): Promise<void> {
    await this.#ask(DELETE, { name: this.name });
    const isGone = async () => {
      const text = await this.#line.ask(bodyOf(STATE, { name: this.name }));
      const { data } = gone.parse(JSON.parse(text));
      const clusters = data.clusterPool?.stats.totalClusters ?? 0;
      return clusters === 0 && (data.snapshots?.edges.length ?? 0) === 0;
    };
    const latest = performance.now() + LONGEST_MS;
    while (!(await isGone())) {
      if (performance.now() > latest) throw new Error(`${this.name} is not removed`);
      await pause();
    }
  }

  async #why(): Promise<string> {
    return JSON.stringify((await this.#look()).data);
  }

  async #look(): Promise<z.infer<typeof state>> {
    return state.parse(JSON.parse(await this.#line.ask(bodyOf(STATE, { name: this.name }))));
  }

  async #ask(query: string, variables: object): Promise<void> {
    const text = await this.#line.ask(bodyOf(query, variables));
    if (!text.includes('"__typename":"ClusterPool"')) throw new Error(`refused: ${text}`);
  }
}

const gone = z.object({
  data: z.object({
    clusterPool: z.object({ stats: z.object({ totalClusters: z.number() }) }).nullish(),
    snapshots: z.object({ edges: z.array(z.unknown()) }).nullish(),
  }),
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
