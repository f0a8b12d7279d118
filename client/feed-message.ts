import { gql } from '@urql/core';
import type { ChangeKind } from '../schema/model/change.ts';
import { type Cluster, CLUSTER_FIELDS } from './cluster.tsx';
import { type ClusterPool, CLUSTER_POOL_FIELDS } from './cluster-pool.tsx';
import { type Session, SESSION_FIELDS } from './session.tsx';

/** One thing that messages are about; at most one field is set. */
export interface Subject {
  readonly clusterPool?: ClusterPool | null;
  readonly cluster?: Cluster | null;
  readonly session?: Session | null;
}

/** One committed transition. */
export interface Change {
  readonly id: string;
  readonly kind: ChangeKind;
  /** The thing as it is now; null when it is gone or no longer for the viewer to see. */
  readonly subject: Subject | null;
}

interface Place {
  /** The position behind this message. */
  readonly cursor: string;
  /** The cursor of the message before it on this stream. */
  readonly prev: string | null;
}

/** One message of the `changes` subscription. */
export type FeedMessage = Place &
  (
    | {
        readonly __typename: 'FeedState';
        readonly subjects: readonly Subject[];
        readonly more: boolean;
      }
    | { readonly __typename: 'FeedChanges'; readonly changes: readonly Change[] }
    | { readonly __typename: 'FeedBookmark' }
    | { readonly __typename: 'FeedResync'; readonly reason: string }
  );

/** Everything the page shows, as it happens; `after` is filled in anew with each connection. */
export const CHANGES = gql<{ changes: FeedMessage }, { after: string | null }>`
  subscription Changes($after: Cursor) {
    changes(after: $after, filter: { types: [CLUSTER_POOL, CLUSTER, SESSION] }) {
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
          kind
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
  }

  ${CLUSTER_POOL_FIELDS}
  ${CLUSTER_FIELDS}
  ${SESSION_FIELDS}
`;
