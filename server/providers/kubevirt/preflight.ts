import { ProviderError } from '../provider.ts';
import { KubernetesError, type Kubernetes } from './kubernetes.ts';
import { lookAtCluster } from './preflight-cluster.ts';
import { laddersFor } from './preflight-ladders.ts';
import { missing, type Finding, type Preflight } from './preflight-report.ts';
import { lookAtRights } from './preflight-rights.ts';
import { lookAtStorage } from './preflight-storage.ts';
import type { KubevirtSettings } from './settings.ts';

/**
 * Looks at a cluster before a pool is made there: what it is, what it has, what this account may
 * do, and which ways of making and resetting clusters follow. Changes nothing.
 */
export async function preflight(
  kubernetes: Kubernetes,
  settings: Pick<KubevirtSettings, 'image' | 'storageClass' | 'snapshotApi'>,
  signal: AbortSignal,
): Promise<Preflight> {
  try {
    const cluster = await lookAtCluster(kubernetes, settings, signal);
    const storage = await lookAtStorage(kubernetes, settings, signal);
    const rights = await lookAtRights(kubernetes, signal);
    const findings = [...cluster.findings, ...storage.findings, ...rights.findings];
    const rungs = laddersFor({ cluster, storage, rights });
    return { works: findings.every(({ verdict }) => verdict !== 'FAIL'), findings, rungs };
  } catch (error) {
    return unreachable(error);
  }
}

/** The answer where the API server, or the way to it, gave none. */
export function unreachable(error: unknown): Preflight {
  if (error instanceof ProviderError) return failed('kubeconfig', error.reason, MEND_KUBECONFIG);
  if (!(error instanceof KubernetesError)) throw error;
  const isRefused = error.status === 401;
  const fix = isRefused ? 'log in again: the credentials are not accepted' : MEND_KUBECONFIG;
  return failed('Kubernetes API', error.message, fix);
}

const MEND_KUBECONFIG = 'see SNAPYARD_KUBECONFIG, SNAPYARD_KUBE_CONTEXT and the way to the server';

function failed(check: string, found: string, fix: string): Preflight {
  const finding: Finding = missing(check, found, fix);
  return { works: false, findings: [finding], rungs: [] };
}
