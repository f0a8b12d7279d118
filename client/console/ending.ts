import { CONSOLE_CLOSED } from '../../schema/model/console.ts';

/** The server went away without a word, or could not be reached. */
const LOST = 'The connection to the server was lost.';

/** Why a console is over, in a sentence; the server says it beside its code. */
export function endingOf({ code, reason }: Pick<CloseEvent, 'code' | 'reason'>): string {
  if (reason !== '') return sentence(reason);
  return code === CONSOLE_CLOSED.byVm ? 'The VM ended the stream.' : LOST;
}

/** A refusal with a stop at its end; it may begin with the name of a VM, which is as it is. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
