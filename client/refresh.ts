import type {
  Client,
  CombinedError,
  Exchange,
  Operation,
  OperationContext,
  OperationResult,
} from '@urql/core';
import { map, pipe, tap } from 'wonka';
import type { LiveFeed } from './live-feed.ts';
import { isLeftAlone } from './past-cache.ts';

/** What has become old is asked for anew after this time, and not more often. */
const REFRESH_AFTER_MS = 100;

/**
 * After an answer it is left alone for so many times as long as the answer took: however fast
 * things change, a server that is slow to answer spends most of its time on something else.
 */
const REST_PER_ANSWER = 10;

/** But never longer than this. */
const LONGEST_REST_MS = 5_000;

/**
 * The context of a query that is not worth to be asked anew more often than this, however often it
 * becomes old: what is made of its answer is dear, or nobody looks that closely.
 */
export function atMostEvery(ms: number): Partial<OperationContext> {
  return { refreshAfterMs: ms };
}

/** A query that the server did not answer is asked again after this time. */
const RETRY_AFTER_MS = 2_000;

/** Queries that nobody shows any more, of which it is still known how old they are. */
const REMEMBERED = 1_000;

/** A query that somebody shows. */
interface Shown {
  readonly operation: Operation;
  /** The names of all fields it asks for. */
  readonly fields: ReadonlySet<string>;
}

/** A question that the server has not answered yet. */
interface Asked {
  /** When it was asked, in messages of the feed. */
  readonly moment: number;
  /** And by the clock. */
  readonly at: number;
}

/**
 * Asks anew for what the feed makes old and does not bring: lists, and what is derived. Until the
 * answer is there, what was shown stays. It also knows when an answer was asked for, so that one
 * that comes late does not pass for the present.
 */
export class Refresher {
  readonly #feed: LiveFeed;
  readonly #shown = new Map<number, Shown>();
  /** When the last answer to a query was asked for, in messages of the feed. */
  readonly #answered = new Map<number, number>();
  readonly #underWay = new Map<number, Asked>();
  /** Until when queries that somebody shows are left alone. */
  readonly #restUntil = new Map<number, number>();
  readonly #marks = new Map<string, number>();
  /** Queries whose last answer was that there is none. */
  readonly #failed = new Set<number>();
  #client: Client | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = 0;

  constructor(feed: LiveFeed) {
    this.#feed = feed;
  }

  /** Stands before the cache: knows what is shown, and has old answers replaced. */
  readonly beforeCache: Exchange = ({ client, forward }) => {
    this.#client = client;
    return (operations) =>
      pipe(
        operations,
        map((operation) => this.#watch(operation)),
        forward,
      );
  };

  /** Stands behind the cache: knows what is asked of the server, and since when. */
  readonly behindCache: Exchange =
    ({ forward }) =>
    (operations) =>
      pipe(
        operations,
        tap((operation) => this.#sent(operation)),
        forward,
        tap((result) => this.#came(result)),
      );

  /** These fields are old wherever they are shown. */
  mark(fields: Iterable<string>): void {
    for (const field of fields) this.#marks.set(field, this.#feed.moment);
    this.#schedule();
  }

  /** Looks again at what is old: a state has come, or the server is there again. */
  look(): void {
    this.#schedule();
  }

  /** Ends it. */
  close(): void {
    clearTimeout(this.#timer);
    this.#client = undefined;
  }

  #watch(operation: Operation): Operation {
    if (isLeftAlone(operation)) return operation;
    const { kind, key, context } = operation;
    if (kind === 'teardown') {
      this.#shown.delete(key);
      this.#failed.delete(key);
      this.#restUntil.delete(key);
    }
    if (kind !== 'query' || context.requestPolicy === 'cache-only') return operation;
    const shown = { operation, fields: this.#shown.get(key)?.fields ?? fieldsIn(operation) };
    const isNew = !this.#shown.has(key);
    this.#shown.set(key, shown);
    if (!isNew || context.requestPolicy !== 'cache-first' || !this.#isOld(shown)) return operation;
    return { ...operation, context: { ...context, requestPolicy: 'cache-and-network' } };
  }

  #sent(operation: Operation): void {
    const { kind, key } = operation;
    if (isLeftAlone(operation)) return;
    if (kind === 'teardown') this.#underWay.delete(key);
    if (kind !== 'query' && kind !== 'mutation') return;
    const asked = { moment: this.#feed.moment, at: Date.now() };
    if (!this.#underWay.has(key)) this.#underWay.set(key, asked);
  }

  #came({ operation, error }: OperationResult): void {
    const { kind, key } = operation;
    const asked = this.#underWay.get(key);
    if (asked === undefined) return;
    this.#underWay.delete(key);
    if (kind === 'query' && isOutage(error)) return this.#fail(key);
    this.#failed.delete(key);
    const { moment: since } = asked;
    if (kind === 'query') this.#answer(key, since);
    if (this.#shown.has(key)) this.#restUntil.set(key, restAfter(operation, asked));
    // Once the cache has taken it in.
    if (since < this.#feed.moment) queueMicrotask(() => this.#catchUp(since));
  }

  /** What could not be asked of the server is asked again, for as long as somebody shows it. */
  #fail(key: number): void {
    this.#failed.add(key);
    this.#schedule(RETRY_AFTER_MS);
  }

  #answer(key: number, since: number): void {
    this.#answered.delete(key);
    this.#answered.set(key, since);
    const [oldest] = this.#answered.keys();
    if (oldest !== undefined && this.#answered.size > REMEMBERED) this.#answered.delete(oldest);
  }

  #catchUp(since: number): void {
    if (!this.#feed.repeat(since)) for (const { fields } of this.#shown.values()) this.mark(fields);
    this.#schedule();
  }

  #isOld({ operation, fields }: Shown): boolean {
    if (this.#failed.has(operation.key)) return true;
    const since = this.#answered.get(operation.key);
    if (since === undefined) return false;
    if (this.#feed.hasStateSince(since)) return true;
    return [...fields].some((field) => (this.#marks.get(field) ?? 0) > since);
  }

  #schedule(ms = REFRESH_AFTER_MS): void {
    const dueAt = Date.now() + ms;
    if (this.#client === undefined) return;
    if (this.#timer !== undefined && this.#dueAt <= dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  #refresh(): void {
    this.#timer = undefined;
    const old = [...this.#shown.values()].filter((shown) => this.#isOld(shown));
    for (const shown of old) {
      const restMs = this.#restMs(shown.operation.key);
      if (restMs > 0) this.#schedule(restMs);
      else this.#ask(shown);
    }
  }

  /** How long a query is still left alone. What is from before a state may be wrong altogether. */
  #restMs(key: number): number {
    if (this.#feed.hasStateSince(this.#answered.get(key) ?? 0)) return 0;
    return (this.#restUntil.get(key) ?? 0) - Date.now();
  }

  #ask({ operation }: Shown): void {
    const client = this.#client;
    // What is under way is looked at again when its answer comes.
    if (client === undefined || this.#underWay.has(operation.key)) return;
    const context = { ...operation.context, requestPolicy: 'network-only' as const };
    client.reexecuteOperation(client.createRequestOperation('query', operation, context));
  }
}

/** Until when a query is left alone that has just been answered. */
function restAfter({ context }: Operation, { at }: Asked): number {
  const now = Date.now();
  const wanted: unknown = context['refreshAfterMs'];
  const most = typeof wanted === 'number' ? wanted : 0;
  const restMs = Math.min(REST_PER_ANSWER * (now - at), LONGEST_REST_MS);
  return Math.max(now + restMs, at + most);
}

/** Whether the server could not be reached, or was too busy: another time it will answer. */
export function isOutage(error: CombinedError | undefined): boolean {
  if (error?.networkError !== undefined) return true;
  return (
    error?.graphQLErrors.some(({ extensions }) => extensions['code'] === 'UNAVAILABLE') === true
  );
}

/** The names of all fields of an operation and its fragments. */
function fieldsIn({ query }: Operation): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (selectionSet: SelectionSet | undefined) => {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind === 'Field') names.add(selection.name.value);
      if (selection.kind !== 'FragmentSpread') visit(selection.selectionSet);
    }
  };
  for (const definition of query.definitions) {
    if ('selectionSet' in definition) visit(definition.selectionSet);
  }
  return names;
}

type Definition = Operation['query']['definitions'][number];
type SelectionSet = Extract<Definition, { kind: 'FragmentDefinition' }>['selectionSet'];
