import { WHEN_EMPTY } from '../../schema/model/cluster-pool.ts';
import type { VariablesOf } from '../graphql.ts';
import type { ClusterPool } from '../subject.ts';
import type { UPDATE_POOL } from './cluster-pool-actions.ts';

/** The settings of a pool that are numbers and can be changed while it lives. */
export const NUMBERS = [
  'size',
  'maxClusters',
  'sessionTtlMinutes',
  'maxTtlMinutes',
  'maxWaitSeconds',
  'maxSessionsPerOwner',
  'snapshotMaxAgeSeconds',
] as const;

/** A setting of a pool that is a number. */
export type NumberSetting = (typeof NUMBERS)[number];

/** All settings that can be changed. */
export const SETTINGS = [...NUMBERS, 'whenEmpty'] as const;

/** A setting that can be changed. */
export type Setting = (typeof SETTINGS)[number];

/** What stands in the fields of a form: text, also where it is a number in the end. */
export type Draft = Readonly<Record<Setting, string>>;

/** What is wrong with each field, in a sentence. */
export type Problems = Readonly<Record<string, string>>;

type UpdateInput = VariablesOf<typeof UPDATE_POOL>['input'];

/** What a form shows of a pool as it is. */
export function draftOf(pool: ClusterPool): Draft {
  return {
    size: String(pool.size),
    maxClusters: String(pool.maxClusters),
    sessionTtlMinutes: String(pool.sessionTtlMinutes),
    maxTtlMinutes: String(pool.maxTtlMinutes),
    maxWaitSeconds: String(pool.maxWaitSeconds),
    maxSessionsPerOwner: pool.maxSessionsPerOwner === null ? '' : String(pool.maxSessionsPerOwner),
    snapshotMaxAgeSeconds: String(pool.snapshotMaxAgeSeconds),
    whenEmpty: pool.whenEmpty,
  };
}

/** The settings in which a form differs from the pool it was filled from. */
function touched(filled: ClusterPool, draft: Draft): readonly Setting[] {
  const before = draftOf(filled);
  return SETTINGS.filter((setting) => draft[setting].trim() !== before[setting]);
}

/**
 * What a form sends: only what was changed, and the version of the pool that it was filled from,
 * so that nobody's change in between is undone unseen. Undefined when there is nothing to send.
 */
export function updateOf(filled: ClusterPool, draft: Draft): UpdateInput | undefined {
  const changed = touched(filled, draft);
  if (changed.length === 0) return undefined;
  const input: UpdateInput = { name: filled.name, ifVersion: filled.version };
  for (const setting of changed) {
    if (setting === 'whenEmpty') input.whenEmpty = whenEmptyOf(draft.whenEmpty);
    else input[setting] = numberOf(draft[setting]);
  }
  return input;
}

/** What can be seen to be wrong before the server is asked. */
export function problemsOf(filled: ClusterPool, draft: Draft): Problems {
  const wrong = touched(filled, draft).filter(
    (setting) => isNumber(setting) && !isWhole(draft[setting], setting === 'maxSessionsPerOwner'),
  );
  return Object.fromEntries(wrong.map((setting) => [setting, 'Give a whole number.']));
}

/**
 * The form on top of the pool as it is now: what was changed in it stays, the rest is as somebody
 * else has left it.
 */
export function rebased(filled: ClusterPool, present: ClusterPool, draft: Draft): Draft {
  const values: Record<Setting, string> = { ...draftOf(present) };
  for (const setting of touched(filled, draft)) values[setting] = draft[setting];
  return values;
}

/** The settings that somebody else has changed since a form was filled, with their values now. */
export function changedByOthers(
  filled: ClusterPool,
  present: ClusterPool,
): readonly (readonly [Setting, string])[] {
  const now = draftOf(present);
  return touched(filled, now).map((setting) => [setting, now[setting]]);
}

/** A number as a field holds it; null for an empty one. */
export function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}

/** Whether a field holds a whole number, or nothing where it may. */
export function isWhole(text: string, mayBeEmpty: boolean): boolean {
  return text.trim() === '' ? mayBeEmpty : Number.isInteger(Number(text));
}

/** One of the ways that this page knows; null for another. */
export function whenEmptyOf(text: string): (typeof WHEN_EMPTY)[number] | null {
  return WHEN_EMPTY.find((way) => way === text) ?? null;
}

function isNumber(setting: Setting): setting is NumberSetting {
  return setting !== 'whenEmpty';
}
