/**
 * What other front-ends take from here: a client that is always right again by itself, whatever
 * happens to the line or the server. See docs/client.md.
 */
export { createSnapyardClient } from './snapyard-client.ts';
export type { SnapyardClient, SnapyardOptions } from './snapyard-client.ts';
export type { TokenSource } from './token-keeper.ts';
export { standingOf } from './live-feed.ts';
export type { LiveView, Standing, Viewer } from './live-feed.ts';
export type { Feed, Things } from './feed.ts';
export type { Change, ChangeFilter, FeedMessage, Subject } from './feed-message.ts';
export { graphql } from './graphql.ts';
export type { FragmentOf, ResultOf, VariablesOf } from './graphql.ts';
export {
  CLUSTER_FIELDS,
  CLUSTER_POOL_FIELDS,
  IMAGE_FIELDS,
  JOB_FIELDS,
  SESSION_FIELDS,
  SNAPSHOT_FIELDS,
  VM_HANDLE_FIELDS,
} from './subject.ts';
export type { Cluster, ClusterPool, Image, Job, Session, Snapshot, VmHandle } from './subject.ts';
