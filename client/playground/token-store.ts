import { fieldOf } from './outside.ts';

/** The dashboard keeps it under the same name: who has signed in there is signed in here. */
const KEY = 'snapyard-token';

/** The token that was entered in this tab; null for none. */
export function enteredToken(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Keeps a token until the tab is closed; an empty one is forgotten. */
export function keepToken(token: string): void {
  if (token === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

/** How this page was opened. */
export interface Opening {
  /** Whether the server asks for tokens at all. */
  readonly wantsTokens: boolean;
  /** The token with which the browser was let in, so that nobody types it twice. */
  readonly token: string | null;
}

/** Asks the server how this page was opened. */
export async function readOpening(): Promise<Opening> {
  try {
    const answer: unknown = await (await fetch('/playground/token')).json();
    const token = fieldOf(answer, 'token');
    return {
      wantsTokens: fieldOf(answer, 'wantsTokens') !== false,
      token: typeof token === 'string' ? token : null,
    };
  } catch {
    return { wantsTokens: true, token: null };
  }
}
