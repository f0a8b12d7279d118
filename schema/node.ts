import { builder, forViewer } from './builder.ts';
import type { Reads } from './context.ts';
import { type NodeName, parseGlobalId } from './global-id.ts';

/** How each type is read by its database id. */
const READ: Readonly<Record<NodeName, (reads: Reads, id: string) => object | undefined>> = {
  ClusterPool: (reads, id) => reads.clusterPool(id),
  Cluster: (reads, id) => reads.cluster(id),
  Session: (reads, id) => reads.session(id),
  VmHandle: (reads, id) => reads.vmHandle(id),
  Snapshot: (reads, id) => reads.snapshot(id),
  Job: (reads, id) => reads.job(id),
  Image: (reads, id) => reads.image(id),
  Template: (reads, id) => reads.template(id),
};

builder.queryField('node', (t) =>
  t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    authScopes: forViewer,
    description:
      'Any object by its id; null for an id of nothing that the viewer may see. Removed clusters ' +
      'and ended sessions, jobs and VMs still answer for 30 days.',
    args: { id: t.arg.id({ required: true, description: 'The id.' }) },
    resolve: (_root, args, { reads }) => {
      const parsed = parseGlobalId(args.id);
      if (parsed === undefined) return null;
      const row = READ[parsed.name](reads, parsed.id);
      return row === undefined ? null : { ...row, __typename: parsed.name };
    },
  }),
);
