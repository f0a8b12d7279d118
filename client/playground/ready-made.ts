/** A tab of the playground as it is before anybody has typed in it. */
export interface ReadyMadeTab {
  readonly query: string;
  /** JSON, as the editor of variables shows it. */
  readonly variables: string;
}

/** The pool that a server makes at its first start. */
const POOL = 'cks';

/**
 * The tabs that the playground opens with, in the order of an admin's day. The first has no
 * variables: GraphiQL does not show those of the tab that it opens with.
 */
export const READY_MADE_TABS: readonly ReadyMadeTab[] = [
  tab(
    `# Every pool with its counts, and the sessions that are live
# now. Change what is asked for as you like: your tabs are
# kept in this browser.
query Look {
  viewer { name role }
  clusterPools {
    edges {
      node {
        name
        provider
        size
        strategy
        version
        replenishPaused
        stats {
          totalClusters
          availableClusters
          lockedClusters
          creatingClusters
          resettingClusters
          errorClusters
          queuedSessions
          statusByCluster { name status }
        }
      }
    }
  }
  sessions(first: 10, status: [PENDING, PROVISIONING, RUNNING]) {
    edges { node { id owner status queuePosition expiresAt assignedCluster { name } } }
  }
}
`,
  ),
  tab(
    `# Everything that happens, as it happens: the state first,
# then each committed change. Runs until you stop it or
# change tabs; to claim meanwhile, open the playground a
# second time. "types" says which kinds of things, "pool"
# which pool; leave one out to see all. Put the last
# "cursor" into "after" and it goes on from there, and
# nothing is missed.
subscription Watch($filter: ChangeFilter, $after: Cursor) {
  changes(filter: $filter, after: $after) {
    __typename
    cursor
    prev
    ... on FeedState {
      more
      subjects { ...Seen }
    }
    ... on FeedChanges {
      changes { at type from to cause reason actor subject { ...Seen } }
    }
    ... on FeedResync { reason }
  }
}

fragment Seen on Subject {
  clusterPool { name stats { availableClusters lockedClusters totalClusters queuedSessions } }
  cluster { name status statusMessage }
  session { id owner status statusMessage queuePosition assignedCluster { name } }
  job { id kind status progress }
}
`,
    {
      filter: { pool: POOL, types: ['SESSION', 'CLUSTER', 'CLUSTER_POOL', 'JOB'] },
      after: null,
    },
  ),
  tab(
    `# Claims a cluster for you. With a warm one the answer is
# RUNNING at once. Give "idempotencyKey" to make a repeat
# answer the same session instead of claiming another.
mutation Claim($input: CreateSessionInput!) {
  createSession(input: $input) {
    __typename
    ... on Session {
      id
      status
      servedFrom
      queuePosition
      expiresAt
      assignedCluster { name }
      vms { id name role phase ipAddress }
      timeline { name durationMs }
    }
    ... on UserError { code message }
  }
}
`,
    { input: { pool: POOL, ttlMinutes: 30 } },
  ),
  tab(
    `# Gives a session more time, never more than the pool's
# maxTtlMinutes in all. The id of the session that you
# claimed last is filled in below.
mutation Extend($sessionId: ID!, $minutes: Int!) {
  extendSession(input: { sessionId: $sessionId, minutes: $minutes }) {
    __typename
    ... on Session { id status expiresAt }
    ... on UserError { code message }
  }
}
`,
    { sessionId: '', minutes: 30 },
  ),
  tab(
    `# Gives the cluster back, or leaves the queue. It is reset
# before anybody else gets it. The id of the session that
# you claimed last is filled in below.
mutation Release($sessionId: ID!) {
  releaseSession(input: { sessionId: $sessionId }) {
    __typename
    ... on Session { id status endReason endedAt }
    ... on UserError { code message }
  }
}
`,
    { sessionId: '' },
  ),
  tab(
    `# Fills a pool. The run button asks which of the two.
# Bootstrap: makes every missing or failed cluster from its
# image, whatever snapshots there are.
mutation Bootstrap($pool: String!) {
  bootstrapPool(input: { pool: $pool }) { ...Started }
}

# Warm up: fills the pool to its size now, from snapshots
# where there are some.
mutation WarmUp($pool: String!) {
  warmUpPool(input: { pool: $pool }) { ...Started }
}

# Both answer a job: look at it in the tab WatchJob.
fragment Started on JobResult {
  __typename
  ... on Job { id kind status progress statusMessage }
  ... on UserError { code message }
}
`,
    { pool: POOL },
  ),
  tab(
    `# The golden states of a pool. The run button asks which of
# the four.
query Snapshots($pool: String!) {
  clusterPool(name: $pool) {
    strategy
    snapshotInfo { status k8sVersion createdAt }
  }
  snapshots(pool: $pool, first: 20) {
    edges { node { id name role set current status statusMessage ageSeconds stale source } }
  }
}

# Create: every available cluster captures its own set.
# "baseCluster": true makes a template set for new clusters
# of one made from the image; "sessionId" makes it of the
# cluster of a running session.
mutation CreateSnapshots($pool: String!, $sessionId: ID, $baseCluster: Boolean) {
  createSnapshots(input: { pool: $pool, sessionId: $sessionId, baseCluster: $baseCluster }) {
    ...Started
  }
}

# Recreate: a new set is taken, verified and made current;
# only then is the old one deleted.
mutation RecreateSnapshots($pool: String!) {
  recreateSnapshots(input: { pool: $pool }) { ...Started }
}

# Delete: the next resets rebuild from the image and capture
# again, which is slow.
mutation DeleteSnapshots($pool: String!) {
  deleteSnapshots(input: { pool: $pool }) { ...Started }
}

# All three answer a job: look at it in the tab WatchJob.
fragment Started on JobResult {
  __typename
  ... on Job { id kind status progress statusMessage }
  ... on UserError { code message }
}
`,
    { pool: POOL },
  ),
  tab(
    `# One job with its steps, until its end. The id of the job
# that you started last is filled in below; the run button
# also offers to cancel it, and to list the latest jobs of
# the pool.
subscription WatchJob($jobId: ID!) {
  jobUpdated(id: $jobId) { ...Work }
}

mutation CancelJob($jobId: ID!) {
  cancelJob(input: { jobId: $jobId }) {
    __typename
    ...Work
    ... on UserError { code message }
  }
}

query LatestJobs($pool: String) {
  jobs(pool: $pool, first: 10) { edges { node { ...Work } } }
}

fragment Work on Job {
  id
  kind
  status
  progress
  statusMessage
  error
  createdAt
  finishedAt
  steps { name startedAt durationMs error }
}
`,
    { jobId: '', pool: POOL },
  ),
  tab(
    `# Changes how many clusters a pool keeps. Making it smaller
# takes free clusters first; those in use go when they are
# released. "ifVersion" refuses if somebody else was first:
# see Look.
mutation Resize($pool: String!, $size: Int!, $ifVersion: Int) {
  updateClusterPool(input: { name: $pool, size: $size, ifVersion: $ifVersion }) {
    __typename
    ... on ClusterPool {
      name
      version
      size
      maxClusters
      stats { totalClusters availableClusters creatingClusters lockedClusters }
    }
    ... on UserError { code message }
  }
}
`,
    { pool: POOL, size: 4 },
  ),
];

function tab(query: string, variables?: Readonly<Record<string, unknown>>): ReadyMadeTab {
  return {
    query,
    variables: variables === undefined ? '' : JSON.stringify(variables, null, 2),
  };
}
