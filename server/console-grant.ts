import type { ConsoleKind, OpenedStatus } from '../schema/model/console.ts';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import type { VmRole } from '../schema/model/template.ts';
import type { Viewer } from '../schema/model/viewer.ts';

/** What a ticket stands for: one viewer, one stream, and the hold on the VM as it was then. */
export interface ConsoleGrant {
  readonly viewer: Viewer;
  readonly kind: ConsoleKind;
  readonly vmId: string;
  readonly role: VmRole;
  readonly clusterId: string;
  /** The state that its cluster had: when it has another, what was granted is over. */
  readonly clusterStatus: OpenedStatus;
  readonly provider: ProviderKind;
  /** The live session that held the VM; null where nobody did. */
  readonly holder: string | null;
}
