import type { AnyVariables } from 'urql';
import { isObject } from '../socket.ts';
import { CLAIM, SAVE } from './session-actions.ts';

/** Whoever presses again later than this after an answer was lost means something new. */
const SAME_FOR_MS = 600_000;

/** What takes a key under which it can be repeated without a second effect. */
const KEYED: ReadonlySet<unknown> = new Set([CLAIM, SAVE]);

interface Lost {
  readonly key: string;
  readonly at: number;
}

/**
 * The keys of what was wanted and got no answer: it may have been done. Who presses again wants the
 * same, not another one, so it goes out under the same key once more.
 */
export class Intentions {
  readonly #lost = new Map<string, Lost>();

  /** What to send: with a key, where there can be one. */
  begin(document: unknown, variables: AnyVariables): AnyVariables {
    if (!KEYED.has(document)) return variables;
    const wish = JSON.stringify(variables);
    const lost = this.#lost.get(wish);
    this.#lost.delete(wish);
    const isSame = lost !== undefined && Date.now() - lost.at < SAME_FOR_MS;
    return withKey(variables, isSame ? lost.key : newKey());
  }

  /** There was no answer to what was sent for this wish. */
  lose(variables: AnyVariables, sent: AnyVariables): void {
    const key = keyOf(sent);
    if (key !== undefined) this.#lost.set(JSON.stringify(variables), { key, at: Date.now() });
  }
}

/** Those of this tab, on whatever page they are. */
export const intentions = new Intentions();

function withKey(variables: AnyVariables, key: string): AnyVariables {
  const input: unknown = variables?.['input'];
  if (isObject(input)) return { ...variables, input: { ...input, idempotencyKey: key } };
  return { ...variables, idempotencyKey: key };
}

function keyOf(sent: AnyVariables): string | undefined {
  const input: unknown = sent?.['input'];
  const key: unknown = isObject(input) ? input['idempotencyKey'] : sent?.['idempotencyKey'];
  return typeof key === 'string' ? key : undefined;
}

/** Random, also where the page came without TLS and has no `randomUUID`. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
