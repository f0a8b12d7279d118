import type { CombinedError } from '@urql/core';

/** A "no" that the server expects people to get, as data. */
export interface Refusal {
  readonly __typename: string;
  readonly message: string;
  readonly retryAfterMs?: number | null;
}

/** What a mutation answers under its one field: something done, or a refusal. */
export type Answers = Readonly<Record<string, { readonly __typename: string } | Refusal>>;

/** How a mutation came out. */
export interface Outcome {
  readonly data?: Answers | undefined;
  readonly error?: CombinedError | undefined;
}

/** Why nothing was done, as a sentence; null when it was. */
export function whyNot({ data, error }: Outcome): string | null {
  if (error !== undefined) return sentence(messageOf(error));
  const refusal = Object.values(data ?? {}).find((answer) => 'message' in answer);
  if (refusal === undefined) return null;
  const { message, retryAfterMs } = refusal;
  const retry = retryAfterMs == null ? '' : ` Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`;
  return sentence(message) + retry;
}

function messageOf({ graphQLErrors, networkError }: CombinedError): string {
  const [first] = graphQLErrors;
  if (first !== undefined) return first.message;
  return `the server did not answer (${networkError?.message ?? 'no reason given'})`;
}

/** The server's messages begin small, so that they fit into lines of any kind. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Where refusals are shown, and read out; it is there before it has something to say. */
export function RefusalNote({ text }: { text: string | null }) {
  return (
    <p className="refusal" role="alert">
      {text}
    </p>
  );
}
