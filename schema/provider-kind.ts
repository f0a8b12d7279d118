import { builder } from './builder.ts';

/** Which adapter makes VMs exist. */
export const ProviderKindEnum = builder.enumType('ProviderKind', {
  description: 'Which adapter makes the VMs exist.',
  values: {
    SIMULATOR: { description: 'No VMs at all: states and times as if there were. For trying out.' },
    KUBEVIRT: { description: 'VMs on Kubernetes, by KubeVirt. For fleets.' },
    QEMU: { description: 'VMs on this machine, by QEMU.' },
    FIRECRACKER: { description: 'Micro-VMs on this machine, by Firecracker.' },
  },
});

/** How a cluster is made. */
export const ProvisioningStrategyEnum = builder.enumType('ProvisioningStrategy', {
  description: 'How a cluster is made when none is warm.',
  values: {
    BOOTSTRAP: { description: 'Built from its image: slow, needs nothing else.' },
    SNAPSHOT: { description: 'Started from the golden state: fast.' },
  },
});
