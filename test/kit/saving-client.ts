import { type Answer, ask, type Surroundings } from './claiming-client.ts';

const REFUSED = 'refused';
const ERROR = '... on UserError { code message }';
const CLAIM = `mutation ($input: CreateSessionInput!) { createSession(input: $input) {
  __typename ... on Session { id status } ${ERROR} } }`;
const RELEASE = `mutation ($input: ReleaseSessionInput!) { releaseSession(input: $input) {
  __typename ... on Session { id status } ${ERROR} } }`;
const SAVE = `mutation ($input: SaveSessionInput!) { saveSession(input: $input) {
  __typename ... on Snapshot { id status } ${ERROR} } }`;
const DROP = `mutation ($input: SavedSnapshotInput!) { deleteSavedSnapshot(input: $input) {
  __typename ... on Snapshot { id status } ${ERROR} } }`;
const SESSION = 'query ($id: ID!) { node(id: $id) { __typename ... on Session { id status } } }';
const SNAPSHOT = 'query ($id: ID!) { node(id: $id) { __typename ... on Snapshot { id status } } }';

/**
 * A client that saves its sessions: it claims, saves, claims one that is made from what was saved,
 * releases both and deletes it. Whatever becomes of the server, it asks until it is answered.
 */
export class SavingClient {
  readonly #pool: string;
  readonly #around: Surroundings;
  #turns = 0;
  #stopped = false;
  /** How often it got all the way. */
  saved = 0;
  /** Why it did not, where it did not. */
  readonly failed: string[] = [];

  constructor(pool: string, around: Surroundings) {
    this.#pool = pool;
    this.#around = around;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#turn();
      await this.#around.sleep(this.#around.random() * 300);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #turn(): Promise<void> {
    const key = `saver-${(this.#turns += 1)}`;
    const first = await this.#claim(key, {});
    if (first === null) return;
    const snapshot = await this.#save(first, key);
    if (snapshot !== null) {
      const again = await this.#claim(`${key}-again`, { snapshotId: snapshot });
      if (again !== null) {
        this.saved += 1;
        await this.#ask(RELEASE, { input: { sessionId: again } });
      }
    }
    await this.#ask(RELEASE, { input: { sessionId: first } });
    if (snapshot !== null) await this.#ask(DROP, { input: { snapshotId: snapshot } });
  }

  async #claim(idempotencyKey: string, more: object): Promise<string | null> {
    const input = { pool: this.#pool, idempotencyKey, ...more };
    const { id, __typename, message } = await this.#ask(CLAIM, { input });
    if (id === undefined) return this.#note(`${__typename}: ${message}`);
    const status = await this.#ends(SESSION, id, ['RUNNING', 'FAILED', 'COMPLETED']);
    return status === 'RUNNING' ? id : this.#note(`session ${idempotencyKey} is ${status}`);
  }

  async #save(sessionId: string, name: string): Promise<string | null> {
    const input = { sessionId, name, idempotencyKey: name };
    const { id, __typename, message } = await this.#ask(SAVE, { input });
    if (id === undefined) return this.#note(`${__typename}: ${message}`);
    const status = await this.#ends(SNAPSHOT, id, ['READY', 'FAILED', REFUSED]);
    return status === 'READY' ? id : this.#note(`what was saved is ${status}`);
  }

  #note(reason: string): null {
    this.failed.push(reason);
    return null;
  }

  async #ends(query: string, id: string, ends: readonly string[]): Promise<string> {
    for (;;) {
      const { status = REFUSED } = await this.#ask(query, { id });
      if (ends.includes(status)) return status;
      await this.#around.sleep(50);
    }
  }

  async #ask(query: string, variables: object): Promise<Answer> {
    for (;;) {
      const answer = await ask(this.#around.origin(), query, variables);
      const [found] = Object.values(answer ?? {});
      if (found !== undefined) return found;
      await this.#around.sleep(20);
    }
  }
}
