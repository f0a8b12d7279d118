import { graphql, type ResultOf, type VariablesOf } from './graphql.ts';
import {
  CLUSTER_FIELDS,
  CLUSTER_POOL_FIELDS,
  IMAGE_FIELDS,
  JOB_FIELDS,
  SESSION_FIELDS,
  SNAPSHOT_FIELDS,
  VM_HANDLE_FIELDS,
} from './subject.ts';

const SUBJECT_FIELDS = graphql(
  `
    fragment SubjectFields on Subject {
      clusterPool {
        ...ClusterPoolFields
      }
      cluster {
        ...ClusterFields
      }
      session {
        ...SessionFields
      }
      vmHandle {
        ...VmHandleFields
      }
      snapshot {
        ...SnapshotFields
      }
      job {
        ...JobFields
      }
      image {
        ...ImageFields
      }
    }
  `,
  [
    CLUSTER_POOL_FIELDS,
    CLUSTER_FIELDS,
    SESSION_FIELDS,
    VM_HANDLE_FIELDS,
    SNAPSHOT_FIELDS,
    JOB_FIELDS,
    IMAGE_FIELDS,
  ],
);

/** Everything that the viewer may see, as it happens; `after` is filled in anew each time. */
export const CHANGES = graphql(
  `
    subscription Changes($after: Cursor, $filter: ChangeFilter) {
      changes(after: $after, filter: $filter) {
        __typename
        cursor
        prev
        ... on FeedState {
          more
          subjects {
            ...SubjectFields
          }
        }
        ... on FeedChanges {
          changes {
            id
            type
            kind
            from
            to
            at
            cause
            reason
            actor
            subject {
              ...SubjectFields
            }
          }
        }
        ... on FeedResync {
          reason
        }
      }
    }
  `,
  [SUBJECT_FIELDS],
);

/** One message of the `changes` subscription. */
export type FeedMessage = ResultOf<typeof CHANGES>['changes'];

/** One thing that messages are about; at most one field is set. */
export type Subject = ResultOf<typeof SUBJECT_FIELDS>;

/** One committed transition; `subject` is the thing as it is now, null when it is gone. */
export type Change = Extract<FeedMessage, { __typename: 'FeedChanges' }>['changes'][number];

/** Which changes a feed is about. */
export type ChangeFilter = NonNullable<VariablesOf<typeof CHANGES>['filter']>;
