import type { Message } from './message-scroll.ts';
import { fieldOf, listOf } from './outside.ts';

/** As whom the playground looks at the server. */
export type Viewing =
  | { readonly kind: 'ASKING' | 'UNKNOWN' | 'AWAY' }
  | { readonly kind: 'KNOWN'; readonly name: string; readonly role: string };

/** Reads the answer to the question who we are. */
export function viewingOf(answer: Message): Viewing {
  const viewer = fieldOf(fieldOf(answer, 'data'), 'viewer');
  const [name, role] = [fieldOf(viewer, 'name'), fieldOf(viewer, 'role')];
  if (typeof name === 'string' && typeof role === 'string') return { kind: 'KNOWN', name, role };
  const [error] = listOf(fieldOf(answer, 'errors'));
  const code = fieldOf(fieldOf(error, 'extensions'), 'code');
  return { kind: code === 'UNAUTHENTICATED' ? 'UNKNOWN' : 'AWAY' };
}

/** Whether the server explains its schema to it. */
export function seesSchema(viewing: Viewing): boolean {
  return viewing.kind === 'KNOWN' && viewing.role === 'ADMIN';
}

/** What the bar says about it. */
export function sentenceOf(viewing: Viewing): string {
  switch (viewing.kind) {
    case 'ASKING':
      return 'Asking the server who you are …';
    case 'UNKNOWN':
      return 'The server does not know this token. Enter another, or none to be who you were.';
    case 'AWAY':
      return 'The server does not answer. Run something when it is back.';
    case 'KNOWN':
      return sentenceFor(viewing.name, viewing.role);
  }
}

const FEWER =
  'What this role may do works here. ' +
  "The documentation and help while you type are for admins' tokens.";

function sentenceFor(name: string, role: string): string {
  const who = name === 'local' && role === 'ADMIN' ? 'local admin' : `${name}, ${role}`;
  if (role === 'ADMIN') return `You are ${who}.`;
  return `You are ${who}. ${FEWER}`;
}
