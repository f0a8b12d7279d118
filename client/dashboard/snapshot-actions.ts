import { graphql } from '../graphql.ts';

/** What every mutation here answers: a job that does it. */
const JOB_OR_REFUSAL = graphql(`
  fragment JobOrRefusal on JobResult {
    __typename
    ... on Job {
      id
    }
    ... on UserError {
      message
    }
  }
`);

/** Takes golden states: of a base cluster, a session, or every available cluster. */
export const CREATE_SNAPSHOTS = graphql(
  `
    mutation CreateSnapshots($input: CreateSnapshotsInput!) {
      createSnapshots(input: $input) {
        ...JobOrRefusal
      }
    }
  `,
  [JOB_OR_REFUSAL],
);

/** Takes golden states anew, and gives up the old ones once the new ones are proven. */
export const RECREATE_SNAPSHOTS = graphql(
  `
    mutation RecreateSnapshots($input: CreateSnapshotsInput!) {
      recreateSnapshots(input: $input) {
        ...JobOrRefusal
      }
    }
  `,
  [JOB_OR_REFUSAL],
);

/** Deletes the golden states of a pool. */
export const DELETE_SNAPSHOTS = graphql(
  `
    mutation DeleteSnapshots($pool: String!) {
      deleteSnapshots(input: { pool: $pool }) {
        ...JobOrRefusal
      }
    }
  `,
  [JOB_OR_REFUSAL],
);

/** Deletes what somebody saved of a session, with its whole set. */
export const DELETE_SAVED = graphql(`
  mutation DeleteSaved($snapshotId: ID!) {
    deleteSavedSnapshot(input: { snapshotId: $snapshotId }) {
      __typename
      ... on Snapshot {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);
