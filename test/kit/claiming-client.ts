/** A session as it was acknowledged to a client. */
export interface Held {
  readonly id: string;
  readonly owner: string;
  /** Null while it waits for a cluster. */
  readonly cluster: string | null;
}

/** What clients need of the place they are in. */
export interface Surroundings {
  /** Where the server is now. */
  readonly origin: () => string;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly pools: readonly string[];
}

const CLAIM = `mutation ($input: CreateSessionInput!) { createSession(input: $input) {
  __typename ... on Session { id owner status assignedCluster { name } }
  ... on UserError { code message } } }`;
const RELEASE = `mutation ($input: ReleaseSessionInput!) { releaseSession(input: $input) {
  __typename ... on Session { id status } ... on UserError { code message } } }`;

/** The first field of an answer. */
export interface Answer {
  readonly __typename: string;
  readonly id?: string;
  readonly owner?: string;
  readonly status?: string;
  readonly message?: string;
  readonly assignedCluster?: { readonly name: string } | null;
}

/**
 * A client that claims, holds and releases without end. Whatever becomes of the server, it asks
 * again with the same key until it is answered; what it was answered it believes.
 */
export class ClaimingClient {
  readonly #name: string;
  readonly #around: Surroundings;
  #calls = 0;
  #stopped = false;
  /** What it holds for certain: claimed by an answer, and not yet asked to be released. */
  held: Held | undefined;
  /** Claims that were answered with a session. */
  served = 0;
  /** Calls that were not answered, because the server was gone. */
  unanswered = 0;

  constructor(name: string, around: Surroundings) {
    this.#name = name;
    this.#around = around;
  }

  /** Goes on until it is stopped, and then holds nothing. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#turn();
      await this.#around.sleep(this.#around.random() * 50);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #turn(): Promise<void> {
    this.#calls += 1;
    const { pools, random, sleep } = this.#around;
    const owner = `${this.#name}-${this.#calls}`;
    const pool = pools[Math.floor(random() * pools.length)];
    const claimed = await this.#ask(CLAIM, { pool, owner, idempotencyKey: owner });
    if (claimed.__typename === 'PoolExhausted') return;
    if (claimed.id === undefined) throw new Error(`${owner}: ${claimed.message}`);
    this.served += 1;
    const { id, assignedCluster, status } = claimed;
    const cluster = status === 'RUNNING' ? (assignedCluster?.name ?? null) : null;
    this.held = { id, owner, cluster };
    await sleep(random() * 400);
    this.held = undefined;
    const released = await this.#ask(RELEASE, { sessionId: id });
    if (released.id !== id) throw new Error(`${owner} could not release: ${released.message}`);
  }

  /** Asks until there is an answer. */
  async #ask(query: string, input: object): Promise<Answer> {
    for (;;) {
      const answer = await ask(this.#around.origin(), query, { input });
      const [found] = Object.values(answer ?? {});
      if (found !== undefined) return found;
      this.unanswered += 1;
      await this.#around.sleep(20);
    }
  }
}

/** Asks once; undefined where nobody answers, because the server is gone, or not yet there. */
export async function ask(
  origin: string,
  query: string,
  variables: object,
): Promise<Record<string, Answer> | undefined> {
  let body: { data?: Record<string, Answer> | null; errors?: unknown };
  try {
    const response = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    body = (await response.json()) as typeof body;
  } catch {
    return undefined; // nobody there, or gone in the middle of it
  }
  if (body.data != null) return body.data;
  // A server that is on its way up or down says so.
  if (JSON.stringify(body.errors).includes('UNAVAILABLE')) return undefined;
  throw new Error(`unexpected errors: ${JSON.stringify(body.errors)}`);
}
