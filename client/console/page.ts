/** How a console is, for people and for styles. */
export type ConsoleState = 'CONNECTING' | 'CONNECTED' | 'ENDED';

const STATE_WORDS = { CONNECTING: 'Connecting…', CONNECTED: 'Connected' } as const;

/** The parts of the page that are there from the beginning. */
export const page = {
  name: part('name', HTMLElement),
  session: part('session', HTMLElement),
  state: part('state', HTMLElement),
  again: part('again', HTMLButtonElement),
  keys: part('keys', HTMLButtonElement),
  clipboard: part('clipboard', HTMLButtonElement),
  place: part('place', HTMLElement),
  token: part('token', HTMLFormElement),
  tokenText: part('token-text', HTMLInputElement),
  texts: part('texts', HTMLDialogElement),
  textsText: part('texts-text', HTMLTextAreaElement),
};

function part<Part extends HTMLElement>(id: string, kind: new () => Part): Part {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`console.html has no ${id}`);
}

/** Shows how the console is. */
export function showState(state: Exclude<ConsoleState, 'ENDED'>): void {
  mark(state, STATE_WORDS[state]);
}

/** Shows that it is over, why, and how to go on. */
export function showEnd(why: string): void {
  mark('ENDED', `Ended: ${why}`);
  page.again.focus();
}

/** Shows why there is nothing, and that nothing can be done about it here. */
export function showNothing(why: string): void {
  mark('ENDED', why);
  page.again.hidden = true;
}

function mark(state: ConsoleState, words: string): void {
  page.state.dataset['state'] = state;
  page.state.textContent = words;
  page.again.hidden = state !== 'ENDED';
  page.place.classList.toggle('is-over', state === 'ENDED');
  page.clipboard.disabled = state !== 'CONNECTED';
  page.keys.disabled = state !== 'CONNECTED';
}
