import { ApiError, type Admission, type KubeObject, type Simulated } from '../ports.ts';

/**
 * KubeVirt's webhooks must answer before an object of its kinds is written; while `webhook-down`
 * strikes they do not, and the API server says so.
 */
export function callWebhook(sim: Simulated, webhook: string, object: KubeObject): void {
  if (!sim.mishaps.strikes('webhook-down', object.metadata)) return;
  const url = `https://virt-api.kubevirt.svc:443/${webhook.split('-')[0]}s-validate?timeout=10s`;
  const why = `failed to call webhook: Post "${url}": dial tcp: connect: connection refused`;
  const name = `${webhook}.kubevirt.io`;
  const message = `Internal error occurred: failed calling webhook "${name}": ${why}`;
  throw new ApiError(500, 'InternalError', message);
}

/** Whether a controller of KubeVirt writes, whom the rules for clients do not bind. */
export function isOfKubevirt(write: Admission): boolean {
  return write.user.startsWith('system:serviceaccount:kubevirt:kubevirt-');
}
