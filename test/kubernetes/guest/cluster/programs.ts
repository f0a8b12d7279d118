import type { Program } from '../shell/scope.ts';
import { kubeadm } from './kubeadm.ts';
import { kubectl } from './kubectl.ts';
import { KUBERNETES_VERSION } from './state.ts';

const kubelet: Program = ({ streams }) => {
  streams.out(`Kubernetes ${KUBERNETES_VERSION}\n`);
  return 0;
};

/** What the golden image has of Kubernetes. */
export const KUBERNETES_PROGRAMS: readonly (readonly [name: string, program: Program])[] = [
  ['kubeadm', kubeadm],
  ['kubectl', kubectl],
  ['kubelet', kubelet],
];
