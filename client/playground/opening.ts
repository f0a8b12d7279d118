import { fieldOf } from './outside.ts';

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
