import type { Message } from './message-scroll.ts';
import { fieldOf, fieldsOf } from './outside.ts';

/** Variables of the ready-made tabs, and the type of the thing whose id they want. */
const WANTED: Readonly<Record<string, string>> = { Session: 'sessionId', Job: 'jobId' };

/** Remembers the ids of what was made last, and fills them in where a tab waits for one. */
export class LastIds {
  readonly #ids = new Map<string, string>();
  /** Ids that we have filled in ourselves: those may be replaced, what people wrote may not. */
  readonly #ours = new Set<string>(['']);

  /** Looks through the answer of a mutation: its fields answer things with type and id. */
  notice({ data }: Message): void {
    if (typeof data !== 'object' || data === null) return;
    for (const thing of Object.values(data)) {
      const [type, id] = [fieldOf(thing, '__typename'), fieldOf(thing, 'id')];
      const variable = typeof type === 'string' ? WANTED[type] : undefined;
      if (variable !== undefined && typeof id === 'string') this.#ids.set(variable, id);
    }
  }

  /** The variables with the ids filled in; undefined where there is nothing to fill in. */
  filledIn(variables: string): string | undefined {
    const values = parsed(variables);
    const missing = [...this.#ids].filter(
      ([name, id]) => this.#ours.has(String(values[name])) && values[name] !== id,
    );
    if (missing.length === 0) return undefined;
    for (const [, id] of missing) this.#ours.add(id);
    return JSON.stringify({ ...values, ...Object.fromEntries(missing) }, null, 2);
  }
}

/** Nothing for what is no object of JSON: it may be half written. */
function parsed(variables: string): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(variables));
  } catch {
    return {};
  }
}
