import { graphql } from '../graphql.ts';

/** Makes every missing or failed cluster of a pool by the BOOTSTRAP strategy. */
export const BOOTSTRAP_POOL = graphql(`
  mutation BootstrapPool($pool: String!) {
    bootstrapPool(input: { pool: $pool }) {
      __typename
      ... on Job {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Fills a pool to its size now. */
export const WARM_UP_POOL = graphql(`
  mutation WarmUpPool($pool: String!) {
    warmUpPool(input: { pool: $pool }) {
      __typename
      ... on Job {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Ends every live session of a pool. */
export const RELEASE_ALL = graphql(`
  mutation ReleaseAll($pool: String!) {
    releaseAllClusters(input: { pool: $pool }) {
      __typename
      ... on ClusterPool {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Changes the settings of a pool. */
export const UPDATE_POOL = graphql(`
  mutation UpdatePool($input: UpdateClusterPoolInput!) {
    updateClusterPool(input: $input) {
      __typename
      ... on ClusterPool {
        id
        version
      }
      ... on UserError {
        message
      }
      ... on InvalidInput {
        field
      }
    }
  }
`);

/** Deletes a pool with its clusters and snapshots. */
export const DELETE_POOL = graphql(`
  mutation DeletePool($name: String!) {
    deleteClusterPool(input: { name: $name }) {
      __typename
      ... on ClusterPool {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Makes a pool. */
export const CREATE_POOL = graphql(`
  mutation CreatePool($input: CreateClusterPoolInput!) {
    createClusterPool(input: $input) {
      __typename
      ... on ClusterPool {
        id
        name
      }
      ... on UserError {
        message
      }
      ... on InvalidInput {
        field
      }
    }
  }
`);

/** Puts a cluster back to its golden state. */
export const RESET_CLUSTER = graphql(`
  mutation ResetCluster($clusterId: ID!) {
    resetCluster(input: { clusterId: $clusterId }) {
      __typename
      ... on Job {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Tries a cluster in ERROR again. */
export const REPAIR_CLUSTER = graphql(`
  mutation RepairCluster($clusterId: ID!) {
    repairCluster(input: { clusterId: $clusterId }) {
      __typename
      ... on Job {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Asks a job to stop at its next step. */
export const CANCEL_JOB = graphql(`
  mutation CancelJob($jobId: ID!) {
    cancelJob(input: { jobId: $jobId }) {
      __typename
      ... on Job {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);
