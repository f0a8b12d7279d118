import type { Change } from '../../schema/model/change.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { PEOPLE } from '../kit/history.ts';
import type { MessageJson, Wanted } from './question.ts';

/** Whether a row is for a reader: told anew here, not as the feed decides it. */
export function isFor(
  { type, owner, poolId }: Pick<Change, 'type' | 'owner' | 'poolId'>,
  { role, name }: Viewer,
  { types }: Wanted,
  wantedPool: string | undefined,
): boolean {
  if (wantedPool !== undefined && wantedPool !== poolId) return false;
  if (types !== undefined && !types.includes(type)) return false;
  return type !== 'SESSION' || role === 'ADMIN' || (role === 'USER' && owner === name);
}

const SESSION_ID = new RegExp(`"(${btoa('Session:').replace(/=+$/, '')}[^"]*)"`, 'g');

/** What a message has in it that is not for this viewer: sessions, people, addresses. */
export function findForeign(
  message: MessageJson,
  { role, name }: Viewer,
  ownerOf: (id: string) => string | undefined,
): string[] {
  if (role === 'ADMIN') return [];
  const isOwn = (owner: string) => role === 'USER' && owner === name;
  const text = JSON.stringify(message);
  const people = PEOPLE.filter((person) => !isOwn(person) && text.includes(`"${person}"`));
  const sessions = [...text.matchAll(SESSION_ID)].map(([, id = '']) => id);
  const foreign = sessions.filter((id) => !isOwn(ownerOf(id) ?? ''));
  const addresses = role === 'VIEWER' && /"ipAddress":"/.test(text) ? ['an address'] : [];
  return [...people, ...foreign.map((id) => `session ${id}`), ...addresses];
}
