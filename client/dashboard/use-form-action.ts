import { useState } from 'react';
import { type AnyVariables, type TypedDocumentNode, useClient } from 'urql';
import { type Answers, type Outcome, whyNot } from './refusal.tsx';

/** Why a form was not accepted. */
export interface FormRefusal {
  /** The name of its type; '' for an error that is not a refusal of the verb. */
  readonly kind: string;
  /** In a sentence. */
  readonly message: string;
  /** The field that is at fault, when one is. */
  readonly field: string | null;
}

/** What came of a form that was sent. */
export type FormOutcome<Data> =
  | { readonly data: Data; readonly refusal: null }
  | { readonly data: null; readonly refusal: FormRefusal };

/** A mutation of a form, which tells its refusals itself, at the field that is at fault. */
export function useFormAction<Data extends Answers, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
) {
  const client = useClient();
  const [isRunning, setIsRunning] = useState(false);
  const run = async (variables: Variables): Promise<FormOutcome<Data>> => {
    setIsRunning(true);
    const outcome = await client.mutation(document, variables).toPromise();
    setIsRunning(false);
    const refusal = refusalOf(outcome);
    if (refusal !== null || outcome.data === undefined) {
      return { data: null, refusal: refusal ?? NO_ANSWER };
    }
    return { data: outcome.data, refusal: null };
  };
  return { run, isRunning };
}

const NO_ANSWER: FormRefusal = { kind: '', message: 'The server gave no answer.', field: null };

/** Why nothing was done, and where the fault is; null when it was done. */
export function refusalOf(outcome: Outcome): FormRefusal | null {
  const sentence = whyNot(outcome);
  if (sentence === null) return null;
  const answer = Object.values(outcome.data ?? {}).find((each) => 'message' in each);
  if (answer === undefined) return { kind: '', message: sentence, field: null };
  const field = 'field' in answer && typeof answer.field === 'string' ? answer.field : null;
  return { kind: answer.__typename, message: withoutName(sentence, field), field };
}

/** At its field a message need not begin with the field's name. */
function withoutName(sentence: string, field: string | null): string {
  const start = `${field ?? ''}: `.toLowerCase();
  if (field === null || !sentence.toLowerCase().startsWith(start)) return sentence;
  const rest = sentence.slice(start.length);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
