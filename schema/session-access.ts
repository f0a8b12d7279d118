import { builder, forUser } from './builder.ts';
import type { SessionAccess } from './context.ts';
import { referred } from './noun.ts';
import { VmHandleNode } from './nouns.ts';

const EndpointObject = builder.objectRef<SessionAccess['endpoints'][number]>('Endpoint').implement({
  description: 'One address of one VM.',
  authScopes: forUser,
  fields: (t) => ({
    vm: t.field({
      type: VmHandleNode,
      description: 'The VM.',
      resolve: ({ vmId }, _args, { reads }) => referred(reads.vmHandle(vmId), 'an endpoint'),
    }),
    name: t.exposeString('name', { description: 'What is there, such as `ssh`.' }),
    url: t.exposeString('url', { description: 'Where it is, such as ssh://user@host:22.' }),
  }),
});

/** How to get into the VMs of a session. */
export const SessionAccessObject = builder.objectRef<SessionAccess>('SessionAccess').implement({
  description: 'How to get into the VMs of a session. These are secrets: do not keep them.',
  authScopes: forUser,
  fields: (t) => ({
    kubeconfig: t.exposeString('kubeconfig', {
      nullable: true,
      description: 'A kubeconfig file, YAML; null where there is no Kubernetes, or not yet.',
    }),
    sshUser: t.exposeString('sshUser', { nullable: true, description: 'Who to log in as.' }),
    sshPrivateKey: t.exposeString('sshPrivateKey', {
      nullable: true,
      description: 'The private key to log in with, PEM.',
    }),
    endpoints: t.field({
      type: [EndpointObject],
      description: 'Where the VMs can be reached.',
      resolve: ({ endpoints }) => endpoints,
    }),
  }),
});
