import { builder, forViewer } from './builder.ts';
import type { Reads, Subject } from './context.ts';
import type { NodeName } from './global-id.ts';
import type { SubjectType } from './model/change.ts';
import type { Cluster } from './model/cluster.ts';
import type { ClusterPool } from './model/cluster-pool.ts';
import type { Image } from './model/image.ts';
import type { Job } from './model/job.ts';
import type { Session } from './model/session.ts';
import type { Snapshot } from './model/snapshot.ts';
import type { VmHandle } from './model/vm-handle.ts';
import {
  ClusterNode,
  ClusterPoolNode,
  ImageNode,
  JobNode,
  SessionNode,
  SnapshotNode,
  VmHandleNode,
} from './nouns.ts';

/** The object type behind each type of subject. */
export const SUBJECT_NODES = {
  SESSION: 'Session',
  CLUSTER_POOL: 'ClusterPool',
  CLUSTER: 'Cluster',
  SNAPSHOT: 'Snapshot',
  VM_HANDLE: 'VmHandle',
  JOB: 'Job',
  IMAGE: 'Image',
} as const satisfies Record<SubjectType, NodeName>;

/** What changes are about. */
export const SubjectTypeEnum = builder.enumType('SubjectType', {
  description: 'What a change is about.',
  values: {
    SESSION: { description: 'A Session.' },
    CLUSTER_POOL: { description: 'A ClusterPool; also when its counts or its queue changed.' },
    CLUSTER: { description: 'A Cluster.' },
    SNAPSHOT: { description: 'A Snapshot.' },
    VM_HANDLE: { description: 'A VmHandle.' },
    JOB: { description: 'A Job.' },
    IMAGE: { description: 'An Image; it belongs to no pool.' },
  },
});

/** The row of a subject, under the name of its field. */
export interface SubjectRow {
  readonly session?: Session;
  readonly clusterPool?: ClusterPool;
  readonly cluster?: Cluster;
  readonly snapshot?: Snapshot;
  readonly vmHandle?: VmHandle;
  readonly job?: Job;
  readonly image?: Image;
}

/** One thing that changes are about. */
export const SubjectObject = builder.objectRef<SubjectRow>('Subject').implement({
  description: 'One thing that changes are about. Exactly one field is set.',
  authScopes: forViewer,
  fields: (t) => ({
    session: t.expose('session', {
      type: SessionNode,
      nullable: true,
      description: 'Set when it is a session.',
    }),
    clusterPool: t.expose('clusterPool', {
      type: ClusterPoolNode,
      nullable: true,
      description: 'Set when it is a pool.',
    }),
    cluster: t.expose('cluster', {
      type: ClusterNode,
      nullable: true,
      description: 'Set when it is a cluster.',
    }),
    snapshot: t.expose('snapshot', {
      type: SnapshotNode,
      nullable: true,
      description: 'Set when it is a snapshot.',
    }),
    vmHandle: t.expose('vmHandle', {
      type: VmHandleNode,
      nullable: true,
      description: 'Set when it is a VM.',
    }),
    job: t.expose('job', { type: JobNode, nullable: true, description: 'Set when it is a job.' }),
    image: t.expose('image', {
      type: ImageNode,
      nullable: true,
      description: 'Set when it is an image.',
    }),
  }),
});

/** The subject as it is now; undefined when it is gone or the viewer may not see it. */
export function readSubject({ type, id }: Subject, reads: Reads): SubjectRow | undefined {
  switch (type) {
    case 'SESSION':
      return under('session', reads.session(id));
    case 'CLUSTER_POOL':
      return under('clusterPool', reads.clusterPool(id));
    case 'CLUSTER':
      return under('cluster', reads.cluster(id));
    case 'SNAPSHOT':
      return under('snapshot', reads.snapshot(id));
    case 'VM_HANDLE':
      return under('vmHandle', reads.vmHandle(id));
    case 'JOB':
      return under('job', reads.job(id));
    case 'IMAGE':
      return under('image', reads.image(id));
  }
}

function under<Field extends keyof SubjectRow>(
  field: Field,
  row: SubjectRow[Field] | undefined,
): SubjectRow | undefined {
  return row === undefined ? undefined : { [field]: row };
}
