import { builder } from './builder.ts';
import type { Cluster } from './model/cluster.ts';
import type { ClusterPool } from './model/cluster-pool.ts';
import type { Image } from './model/image.ts';
import type { Job } from './model/job.ts';
import type { Session } from './model/session.ts';
import type { Snapshot } from './model/snapshot.ts';
import type { Template } from './model/template.ts';
import type { VmHandle } from './model/vm-handle.ts';

/**
 * The nouns, declared before they are described: their files speak of each other and must not
 * import each other. Each is implemented in the file of its name.
 */
export const ClusterPoolNode = builder.objectRef<ClusterPool>('ClusterPool');
/** See cluster.ts. */
export const ClusterNode = builder.objectRef<Cluster>('Cluster');
/** See session.ts. */
export const SessionNode = builder.objectRef<Session>('Session');
/** See vm-handle.ts. */
export const VmHandleNode = builder.objectRef<VmHandle>('VmHandle');
/** See snapshot.ts. */
export const SnapshotNode = builder.objectRef<Snapshot>('Snapshot');
/** See job.ts. */
export const JobNode = builder.objectRef<Job>('Job');
/** See image.ts. */
export const ImageNode = builder.objectRef<Image>('Image');
/** See template.ts. */
export const TemplateNode = builder.objectRef<Template>('Template');
