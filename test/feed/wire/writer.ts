import type { World } from '../../../server/world.ts';

/** Who makes changes, and where. */
export interface Writing {
  readonly origin: () => string;
  readonly token: string;
  readonly world: Pick<World, 'sleep'>;
  /** How long it waits after each call. */
  readonly restMs: number;
}

const CLAIM = `mutation ($input: CreateSessionInput!) { createSession(input: $input) {
  ... on Session { id } ... on UserError { message } } }`;
const EXTEND = `mutation ($input: ExtendSessionInput!) { extendSession(input: $input) {
  ... on Session { id } ... on UserError { message } } }`;
const RELEASE = `mutation ($input: ReleaseSessionInput!) { releaseSession(input: $input) {
  ... on Session { id } ... on UserError { message } } }`;

/** Claims, extends and releases over HTTP until it is stopped, whatever becomes of the server. */
export class Writer {
  /** Sessions that it was told it has had. */
  readonly acknowledged: string[] = [];
  readonly #name: string;
  readonly #writing: Writing;
  #isStopped = false;
  #calls = 0;

  constructor(name: string, writing: Writing) {
    this.#name = name;
    this.#writing = writing;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Goes on until it is stopped, and then holds nothing. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      this.#calls += 1;
      const claim = { pool: 'cks', ttlMinutes: 30, idempotencyKey: `${this.#name}-${this.#calls}` };
      const id = await this.#insist(CLAIM, claim);
      if (id === undefined) continue;
      this.acknowledged.push(id);
      for (let n = 0; n < 8 && !this.#isStopped; n += 1) {
        await this.#ask(EXTEND, { sessionId: id, minutes: 40 + n });
      }
      await this.#insist(RELEASE, { sessionId: id });
    }
  }

  /** Asks until it is answered; undefined for a refusal. */
  async #insist(query: string, input: object): Promise<string | undefined> {
    for (;;) {
      const answer = await this.#ask(query, input);
      if (answer !== undefined) return answer.id;
    }
  }

  async #ask(query: string, input: object): Promise<{ id?: string } | undefined> {
    const { token, restMs, world } = this.#writing;
    await world.sleep(restMs);
    const body = JSON.stringify({ query, variables: { input } });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const url = `${this.#writing.origin()}/graphql`;
    try {
      const response = await fetch(url, { method: 'POST', headers, body });
      const { data } = (await response.json()) as { data?: Record<string, { id?: string }> | null };
      return data == null ? undefined : Object.values(data)[0];
    } catch {
      await world.sleep(20);
      return undefined; // nobody there, or gone in the middle of it
    }
  }
}
