import type { Change } from '../../schema/model/change.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { History } from './ledger.ts';
import type { ChangeJson, SubjectJson, ThingJson, Wanted } from './question.ts';
import { isFor } from './rights.ts';
import { idOf, type Thing } from './things.ts';

/** The things in a list of subjects. */
export function subjectsOf(subjects: readonly SubjectJson[]): ThingJson[] {
  return subjects.flatMap((subject) => Object.values(subject).filter((thing) => thing !== null));
}

/** What a change says that must be as the log has it. */
function said(change: ChangeJson): string {
  const { type, id, kind, from, to, cause } = change;
  return [type, id, kind, from, to, cause].join(' ');
}

function saidByLog({ type, subjectId, kind, from, to, cause }: Change): string {
  return [type, idOf(type, subjectId), kind, from, to, cause].join(' ');
}

/** What is wrong with the changes of a message, which should be just those that are due. */
export function wrongChanges(
  changes: readonly ChangeJson[],
  due: readonly Change[],
  seq: number,
  history: History,
): string[] {
  const told = changes.map(said);
  const expected = due.map(saidByLog);
  if (told.join('\n') !== expected.join('\n')) {
    const verbs = new Set(due.map(({ tx }) => tx));
    const missing = expected.filter((line) => !told.includes(line)).length;
    const counts = `${told.length} changes, due ${due.length} of ${verbs.size} verbs`;
    return [`W4: at ${seq} ${counts}, ${missing} missing`];
  }
  if (new Set(due.map(({ tx }) => tx)).size > 1) return [`W5: several verbs arrive at ${seq}`];
  return changes.flatMap((change) => wrongSubject(change, seq, history));
}

/** A subject is told as of delivery: never older than the change. */
function wrongSubject({ id, kind, subject }: ChangeJson, seq: number, history: History): string[] {
  const [thing] = subjectsOf(subject === null ? [] : [subject]);
  const then = history.thingAt(id, seq);
  if (thing === undefined || then === undefined || kind === 'DELETED') return [];
  return thing.version < then.version
    ? [`W3: at ${seq} ${id} is told as version ${thing.version}, it was ${then.version}`]
    : [];
}

/** Whose state it is. */
export interface Scope {
  readonly viewer: Viewer;
  readonly wanted: Wanted;
  readonly poolId: string | undefined;
}

function isSeen({ type, owner, poolId }: Thing, scope: Scope): boolean {
  return isFor({ type, owner, poolId }, scope.viewer, scope.wanted, scope.poolId);
}

/** What is wrong with a state: it should be just what was present and may be seen. */
export function wrongState(
  told: ReadonlyMap<string, ThingJson>,
  then: Iterable<[string, Thing]>,
  scope: Scope,
): string[] {
  const wrong: string[] = [];
  const due = new Set<string>();
  for (const [id, thing] of then) {
    if (!thing.isPresent || !isSeen(thing, scope)) continue;
    due.add(id);
    const found = told.get(id);
    if (found === undefined) wrong.push(`${thing.type} ${id} is missing`);
    else if (!isSame(found, thing)) wrong.push(`${thing.type} ${id} is ${JSON.stringify(found)}`);
  }
  for (const id of told.keys()) if (!due.has(id)) wrong.push(`${id} was not there`);
  return wrong;
}

/** What a reader holds at the end that is not as it is now, and what it does not hold. */
export function wrongAtEnd(
  held: ReadonlyMap<string, ThingJson>,
  now: ReadonlyMap<string, Thing>,
  scope: Scope,
): string[] {
  const wrong: string[] = [];
  for (const [id, thing] of now) {
    if (thing.isPresent && isSeen(thing, scope) && !held.has(id))
      wrong.push(`${thing.type} ${id} is not held`);
  }
  for (const [id, one] of held) {
    const thing = now.get(id);
    if (thing === undefined || !isSame(one, thing))
      wrong.push(`holds ${JSON.stringify(one)}, it is ${JSON.stringify(thing)}`);
  }
  return wrong;
}

/** Whether clients were told of a thing as it is. */
export function isSame(told: ThingJson, { version, state }: Thing): boolean {
  return told.version === version && told.state === state;
}
