import type { LogChange, LogThing } from './history-documents.ts';
import { paths } from './paths.ts';
import { wordFor } from './status.tsx';

/** What people call each kind of thing. */
const KINDS: Readonly<Record<LogChange['type'], string>> = {
  CLUSTER_POOL: 'Pool',
  CLUSTER: 'Cluster',
  SESSION: 'Session',
  VM_HANDLE: 'VM',
  SNAPSHOT: 'Snapshot',
  JOB: 'Job',
  IMAGE: 'Image',
};

/** The kinds of things that the log tells of, with their words. */
export const KIND_CHOICES = Object.entries(KINDS).map(([value, label]) => ({ value, label }));

const CAUSES: Readonly<Record<LogChange['cause'], string>> = {
  CLAIM: 'claimed',
  RELEASE: 'given back',
  EXPIRY: 'time was up',
  ADMIN: 'by an admin',
  RESET: 'reset to the golden state',
  PROBE: 'seen by a look at the guests',
  REPLENISH: 'to bring the pool to its size',
  JOB: 'part of a job',
  PROVIDER_EVENT: 'told by the provider',
  PROVIDER_ERROR: 'the provider failed',
  DEADLINE: 'took too long',
  RESTART: 'found so at a restart',
};

const HAPPENINGS: Readonly<Record<LogChange['kind'], string>> = {
  CREATED: 'New',
  UPDATED: 'Changed',
  DELETED: 'Gone',
};

/** The word for a value; one that came after this page was made is told as it is. */
function wordIn(words: Readonly<Record<string, string>>, value: string): string {
  return words[value] ?? value;
}

/** What people call this kind of thing. */
export function kindWord(type: string): string {
  return wordIn(KINDS, type);
}

/** Why something happened, in words. */
export function causeWord(cause: string): string {
  return wordIn(CAUSES, cause);
}

/** What happened to a thing whose state stayed, in a word. */
export function happeningWord(kind: string): string {
  return wordIn(HAPPENINGS, kind);
}

/** What a thing is called; null for one that is gone, of which only its id is left. */
export function nameOf({ subject }: Pick<LogChange, 'subject'>): string | null {
  if (subject === null) return null;
  const { clusterPool, cluster, session, vmHandle, snapshot, job, image } = subject;
  if (session) return `of ${session.owner}`;
  if (job) return jobName(job.kind);
  if (image) return `${image.name} ${image.imageVersion}`;
  if (snapshot) return snapshot.title ?? snapshot.name;
  return (clusterPool ?? cluster ?? vmHandle)?.name ?? null;
}

/** Where the thing can be looked at; null where it has no page. */
export function pageOf({ id, subject }: Pick<LogChange, 'id' | 'subject'>): string | null {
  if (subject === null) return null;
  const { clusterPool, cluster, session, vmHandle, snapshot, job } = subject;
  if (session) return paths.session(id);
  if (vmHandle?.session) return paths.session(vmHandle.session.id);
  if (snapshot && snapshot.title !== null) return paths.saved;
  const pool =
    clusterPool ?? cluster?.pool ?? vmHandle?.cluster?.pool ?? snapshot?.pool ?? job?.pool;
  return pool == null ? null : paths.pool(pool.name);
}

/** A job's kind as people say it: capture snapshots. */
function jobName(kind: string): string {
  return kind.toLowerCase().replaceAll('_', ' ');
}

/** What a thing is called at the head of its history. */
export function titleOf(thing: LogThing): string {
  switch (thing.__typename) {
    case 'Session':
      return `Session of ${thing.owner}`;
    case 'Job':
      return `Job: ${jobName(thing.kind)}`;
    case 'Image':
      return `Image ${thing.name} ${thing.imageVersion}`;
    case 'Snapshot':
      return `Snapshot ${thing.title ?? thing.name}`;
    case 'ClusterPool':
      return `Pool ${thing.name}`;
    case 'Cluster':
      return `Cluster ${thing.name}`;
    case 'VmHandle':
      return `VM ${thing.name}`;
    default:
      return 'One thing';
  }
}

/** The state that a thing is in; null where it has none. */
export function stateOf(thing: LogThing): string | null {
  switch (thing.__typename) {
    case 'Session':
      return thing.sessionStatus;
    case 'Job':
      return thing.jobStatus;
    case 'Cluster':
      return thing.clusterStatus;
    case 'Snapshot':
      return thing.snapshotStatus;
    case 'VmHandle':
      return thing.phase;
    default:
      return null;
  }
}

/** Where a thing with a history of its own can be looked at; null where it has no page. */
export function placeOf(thing: LogThing): string | null {
  switch (thing.__typename) {
    case 'Session':
      return paths.session(thing.id);
    case 'ClusterPool':
      return paths.pool(thing.name);
    case 'VmHandle':
      if (thing.session !== null) return paths.session(thing.session.id);
      return thing.cluster === null ? null : paths.pool(thing.cluster.pool.name);
    case 'Snapshot':
      return thing.title === null ? paths.pool(thing.pool.name) : paths.saved;
    case 'Cluster':
    case 'Job':
      return paths.pool(thing.pool.name);
    default:
      return null;
  }
}

/** Which kind of thing in the log this is. */
export function typeOf(thing: LogThing): LogChange['type'] | null {
  return TYPES[thing.__typename] ?? null;
}

const TYPES: Readonly<Partial<Record<string, LogChange['type']>>> = {
  ClusterPool: 'CLUSTER_POOL',
  Cluster: 'CLUSTER',
  Session: 'SESSION',
  VmHandle: 'VM_HANDLE',
  Snapshot: 'SNAPSHOT',
  Job: 'JOB',
  Image: 'IMAGE',
};

/** Whether a line has all of these words somewhere in it; null when there are no words. */
export function finder(text: string): ((change: LogChange) => boolean) | null {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return null;
  return (change) => {
    const said = textOf(change);
    return wanted.every((word) => said.includes(word));
  };
}

/** All that a line says, in small letters: words as they are shown, and as programs know them. */
function textOf(change: LogChange): string {
  const { id, type, kind, from, to, cause, reason, actor } = change;
  const states = [from, to].flatMap((state) => (state === null ? [] : [state, wordFor(state)]));
  const words = [kindWord(type), happeningWord(kind), nameOf(change), causeWord(cause), reason];
  return [...words, ...states, type, cause, actor, id].join(' ').toLowerCase();
}

/** The day by the calendar of who looks. */
export function dayOf(at: string): string {
  return DAY.format(new Date(at));
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' });
