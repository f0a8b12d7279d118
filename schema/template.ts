import { builder, forViewer } from './builder.ts';
import { globalId } from './global-id.ts';
import type { RoleSpec } from './model/template.ts';
import { ALLOWED_ACTIONS, VERSION } from './noun.ts';
import { TemplateNode } from './nouns.ts';
import { ProviderKindEnum } from './provider-kind.ts';
import { NODE_ID } from './relay.ts';

/** The part a VM plays in its cluster. */
export const VmRoleEnum = builder.enumType('VmRole', {
  description: 'The part a VM plays in its cluster.',
  values: {
    CONTROL_PLANE: { description: 'Runs the control plane of a Kubernetes cluster.' },
    WORKER: { description: 'A worker node of a Kubernetes cluster.' },
    STANDALONE: { description: 'The only VM of its cluster.' },
  },
});

const RoleSpecObject = builder.objectRef<RoleSpec>('RoleSpec').implement({
  description: 'What one VM of a cluster is made of.',
  authScopes: forViewer,
  fields: (t) => ({
    role: t.expose('role', { type: VmRoleEnum, description: 'The part it plays.' }),
    image: t.exposeString('image', {
      nullable: true,
      description: 'The image its disk starts from; null where the provider has only one.',
    }),
    cpuCores: t.exposeInt('cpuCores', { description: 'Virtual CPUs.' }),
    memoryMiB: t.exposeInt('memoryMiB', { description: 'Memory, in MiB.' }),
    diskGiB: t.exposeFloat('diskGiB', {
      nullable: true,
      description: 'Size of its disk, in GiB; null where the image says it.',
    }),
  }),
});

TemplateNode.implement({
  description:
    'What the clusters of a pool are made of: one version of it. A template never changes; a new ' +
    'version is a new object.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('Template', id) }),
    name: t.exposeString('name', { description: 'The name by which a pool asks for it.' }),
    provider: t.expose('provider', {
      type: ProviderKindEnum,
      description: 'The provider it is for.',
    }),
    templateVersion: t.exposeInt('templateVersion', {
      description: 'Which version of the template of this name, from 1.',
    }),
    roles: t.field({
      type: [RoleSpecObject],
      description: 'The VMs of a cluster, one entry each.',
      resolve: ({ roles }) => roles,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    version: t.exposeInt('version', { description: VERSION }),
    allowedActions: t.stringList({ description: ALLOWED_ACTIONS, resolve: () => [] }),
  }),
});
