import type { Step } from '../provider.ts';
import type { Host } from './host.ts';
import type { ObjectKind, View } from './kubernetes.ts';
import { LABEL } from './names.ts';

/**
 * What there is of a kind for an installation: one watch, shared by all that wait at once. One for
 * each cluster would stay when the cluster is gone.
 */
export function viewOfOurs<T>(
  host: Pick<Host, 'kubernetes'>,
  kind: ObjectKind<T>,
  { installation }: Pick<Step, 'installation'>,
): View<T> {
  return host.kubernetes.view(kind, { labels: { [LABEL.installation]: installation } });
}
