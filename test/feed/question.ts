import type { SubjectType } from '../../schema/model/change.ts';
import type { Operation } from '../../server/http/operation.ts';

/** A thing as clients get it; `state` is its status, phase or name. */
export interface ThingJson {
  readonly id: string;
  readonly version: number;
  readonly state: string;
}

/** The one field of a subject that is set. */
export type SubjectJson = Readonly<Record<string, ThingJson | null>>;

/** A change as clients get it. */
export interface ChangeJson {
  readonly type: SubjectType;
  readonly id: string;
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly cause: string;
  readonly actor: string;
  readonly subject: SubjectJson | null;
}

/** A message of `changes` as clients get it. */
export type MessageJson = { readonly cursor: string; readonly prev: string | null } & (
  | {
      readonly __typename: 'FeedState';
      readonly subjects: readonly SubjectJson[];
      readonly more: boolean;
    }
  | { readonly __typename: 'FeedChanges'; readonly changes: readonly ChangeJson[] }
  | { readonly __typename: 'FeedBookmark' }
  | { readonly __typename: 'FeedResync'; readonly reason: string }
);

/** What a reader of `changes` wants; of its own words, as the oracle understands them. */
export interface Wanted {
  readonly pool?: string;
  readonly types?: readonly SubjectType[];
}

const THINGS = `fragment Things on Subject {
  session { id version state: status owner }
  clusterPool { id version state: name }
  cluster { id version state: status assignedSession { id owner } }
  snapshot { id version state: status }
  vmHandle { id version state: phase ipAddress session { id owner } }
  job { id version state: status }
}`;

const BARE_THINGS = `fragment Things on Subject {
  session { id version state: status } clusterPool { id version state: name }
  cluster { id version state: status } snapshot { id version state: status }
  vmHandle { id version state: phase } job { id version state: status }
}`;

const CHANGES = `subscription ($after: Cursor, $filter: ChangeFilter) {
  changes(after: $after, filter: $filter) {
    __typename cursor prev
    ... on FeedState { more subjects { ...Things } }
    ... on FeedChanges { changes { type id kind from to cause actor subject { ...Things } } }
    ... on FeedResync { reason }
  }
}`;

/** The documents that readers of `changes` ask by. */
export const DOCUMENTS = { FULL: `${CHANGES}\n${THINGS}`, BARE: `${CHANGES}\n${BARE_THINGS}` };

/** Asks for changes. */
export function askChanges(
  document: keyof typeof DOCUMENTS,
  wanted: Wanted,
  after: string | undefined,
): Operation {
  const { pool = null, types = null } = wanted;
  const filter = pool === null && types === null ? null : { pool, types };
  return { query: DOCUMENTS[document], variables: { after: after ?? null, filter } };
}

/** What the subscriptions to single things watch. */
export type Latest =
  | { readonly field: 'clusterUpdated' | 'snapshotUpdated' | 'vmHandleUpdated'; pool: string }
  | { readonly field: 'clusterPoolUpdated'; readonly name: string }
  | { readonly field: 'sessionUpdated' | 'jobUpdated'; readonly id: string };

const STATES = {
  clusterUpdated: 'status',
  snapshotUpdated: 'status',
  vmHandleUpdated: 'phase',
  clusterPoolUpdated: 'name',
  sessionUpdated: 'status',
  jobUpdated: 'status',
};

/** Asks for the latest state of a thing, or of all of a kind in a pool. */
export function askLatest({ field, ...args }: Latest): Operation {
  const [entry] = Object.entries<string>(args);
  const [name, value] = entry ?? ['', ''];
  const type = name === 'id' ? 'ID!' : 'String!';
  const query = `subscription ($given: ${type}) {
    ${field}(${name}: $given) { id version state: ${STATES[field]} } }`;
  return { query, variables: { given: value } };
}

/** The type of what is watched. */
export function typeOf({ field }: Latest): SubjectType {
  const types = {
    clusterUpdated: 'CLUSTER',
    snapshotUpdated: 'SNAPSHOT',
    vmHandleUpdated: 'VM_HANDLE',
    clusterPoolUpdated: 'CLUSTER_POOL',
    sessionUpdated: 'SESSION',
    jobUpdated: 'JOB',
  } as const;
  return types[field];
}
