import { use, useState } from 'react';
import { type AnyVariables, type TypedDocumentNode, useClient } from 'urql';
import { isOutage } from '../refresh.ts';
import { RefusalContext } from './action-scope.tsx';
import { intentions } from './intention.ts';
import { type Answers, whyNot } from './refusal.tsx';

/** A mutation as a page uses it. */
export interface Action<Data, Variables> {
  /** Does it; answers what came of it, or null when it was refused, which is told by then. */
  readonly run: (variables: Variables) => Promise<Data | null>;
  readonly isRunning: boolean;
}

/**
 * A mutation whose refusals are told by the `ActionScope` around the component. Pressed again after
 * an answer was lost, a claim or a save is the same one, not a second.
 */
export function useAction<Data extends Answers, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
): Action<Data, Variables> {
  const client = useClient();
  const tell = use(RefusalContext);
  const [isRunning, setIsRunning] = useState(false);
  const run = async (variables: Variables) => {
    setIsRunning(true);
    tell(null);
    const sent = intentions.begin(document, variables);
    const outcome = await client.mutation<Data>(document, sent).toPromise();
    if (isOutage(outcome.error)) intentions.lose(variables, sent);
    const refusal = whyNot(outcome);
    setIsRunning(false);
    tell(refusal);
    return refusal === null ? (outcome.data ?? null) : null;
  };
  return { run, isRunning };
}
