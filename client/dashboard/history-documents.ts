import { graphql, type ResultOf } from '../graphql.ts';

/** A line of the log: what happened, and as much of the thing as it takes to name it. */
const ENTRY_FIELDS = graphql(`
  fragment EntryFields on Change {
    id
    type
    kind
    at
    from
    to
    cause
    reason
    actor
    job
    subject {
      clusterPool {
        name
      }
      cluster {
        name
        pool {
          name
        }
      }
      session {
        owner
        pool {
          name
        }
      }
      vmHandle {
        name
        session {
          id
        }
        cluster {
          pool {
            name
          }
        }
      }
      snapshot {
        name
        title
        pool {
          name
        }
      }
      job {
        kind
        pool {
          name
        }
      }
      image {
        name
        imageVersion
      }
    }
  }
`);

/** A page of the log, newest first, and the position of the log at which it was read. */
export const LOG_PAGE = graphql(
  `
    query LogPage($pool: String, $id: ID, $types: [SubjectType!], $first: Int!, $after: String) {
      cursor
      changeLog(pool: $pool, id: $id, types: $types, first: $first, after: $after) {
        edges {
          node {
            ...EntryFields
          }
        }
        pageInfo {
          endCursor
          hasNextPage
        }
      }
    }
  `,
  [ENTRY_FIELDS],
);

/** What happens behind a position of the log; `after` is filled in anew each time. */
export const LOG_CHANGES = graphql(
  `
    subscription LogChanges($after: Cursor, $filter: ChangeFilter) {
      changes(after: $after, filter: $filter) {
        __typename
        cursor
        prev
        ... on FeedChanges {
          changes {
            ...EntryFields
          }
        }
      }
    }
  `,
  [ENTRY_FIELDS],
);

/**
 * One thing by its id, for the head of its history. Each kind has its own states, which therefore
 * need names of their own here.
 */
export const LOG_THING = graphql(`
  query LogThing($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on ClusterPool {
        name
      }
      ... on Cluster {
        name
        clusterStatus: status
        pool {
          id
          name
        }
      }
      ... on Session {
        owner
        sessionStatus: status
        timeline {
          name
          startedAt
          finishedAt
          durationMs
          error
        }
      }
      ... on VmHandle {
        name
        phase
        session {
          id
        }
        cluster {
          id
          pool {
            id
            name
          }
        }
      }
      ... on Snapshot {
        name
        title
        snapshotStatus: status
        pool {
          id
          name
        }
      }
      ... on Job {
        kind
        jobStatus: status
        error
        pool {
          id
          name
        }
        steps {
          name
          startedAt
          finishedAt
          durationMs
          error
        }
      }
      ... on Image {
        name
        imageVersion
      }
    }
  }
`);

/** How claims of a pool were served, in buckets of time. */
export const TIMES = graphql(`
  query ProvisioningTimes(
    $pool: String!
    $since: DateTime!
    $bucketMinutes: Int!
    $claimsOnly: Boolean!
  ) {
    provisioningStats(
      pool: $pool
      since: $since
      bucketMinutes: $bucketMinutes
      claimsOnly: $claimsOnly
    ) {
      servedFrom
      from
      count
      failed
      p50Ms
      p95Ms
    }
  }
`);

/** One committed transition, as the log shows it. */
export type LogChange = ResultOf<typeof LOG_PAGE>['changeLog']['edges'][number]['node'];
/** A page of the log. */
export type LogPage = ResultOf<typeof LOG_PAGE>;
/** A message of the stream that follows it. */
export type LogMessage = ResultOf<typeof LOG_CHANGES>['changes'];
/** One thing by its id. */
export type LogThing = NonNullable<ResultOf<typeof LOG_THING>['node']>;
/** How long one way of serving took in one bucket of time. */
export type Times = ResultOf<typeof TIMES>['provisioningStats'][number];
