import { builder, forViewer } from './builder.ts';
import type { Viewer } from './model/viewer.ts';

const RoleEnum = builder.enumType('Role', {
  description: 'What a caller may do, from least to most.',
  values: {
    VIEWER: { description: 'Sees pools, clusters, VMs without address, snapshots and jobs.' },
    USER: { description: 'Also has sessions of its own, with their clusters, VMs and access.' },
    ADMIN: { description: 'Sees and does everything, also on behalf of others.' },
  },
});

const ViewerObject = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Who is asking.',
  authScopes: forViewer,
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'The name of the token; `local` for the one user of a server without tokens.',
    }),
    role: t.expose('role', { type: RoleEnum, description: 'What this caller may do.' }),
  }),
});

builder.queryFields((t) => ({
  viewer: t.field({
    type: ViewerObject,
    authScopes: forViewer,
    description: 'Who the server takes the caller for.',
    // Those who see the same are not the same.
    extensions: { personal: true },
    resolve: (_root, _args, { viewer }) => viewer,
  }),
  cursor: t.field({
    type: 'Cursor',
    authScopes: forViewer,
    description:
      'The log position this read saw; all fields of one request are read in one transaction. ' +
      'Subscription.changes goes on from here without a gap.',
    resolve: (_root, _args, { reads }) => reads.cursor(),
  }),
  now: t.field({
    type: 'DateTime',
    authScopes: forViewer,
    description:
      "The time by the server's clock, which all times here are of: what a page counts down to " +
      'is right on a computer whose own clock is wrong. At most 50 ms old.',
    resolve: (_root, _args, { reads }) => reads.now(),
  }),
}));
