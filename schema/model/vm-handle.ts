import type { ProviderKind } from './provider-kind.ts';
import type { VmRole } from './template.ts';

/**
 * A VM handle is one VM of a cluster as it was last seen.
 *
 * Its phase is an observation, not a state of ours: any phase may follow any other, and a phase
 * that a provider reports and we do not know is UNKNOWN. Only STOPPED with `endedAt` set is final:
 * the VM is gone and the handle is kept for those who ask for it later.
 */
export const VM_PHASES = [
  'PENDING',
  'STARTING',
  'RUNNING',
  'PAUSED',
  'STOPPING',
  'STOPPED',
  'FAILED',
  'UNKNOWN',
] as const;

/** What a VM was last seen doing. */
export type VmPhase = (typeof VM_PHASES)[number];

/** Where a VM came from. */
export const VM_ORIGINS = ['WARM', 'SNAPSHOT', 'COLD_BOOT'] as const;
/** WARM from the hot pool, SNAPSHOT restored on demand, COLD_BOOT started from its image. */
export type VmOrigin = (typeof VM_ORIGINS)[number];

/** One VM of a cluster. */
export interface VmHandle {
  readonly id: string;
  readonly name: string;
  readonly role: VmRole;
  readonly phase: VmPhase;
  readonly statusMessage: string | null;
  readonly provider: ProviderKind;
  readonly poolId: string;
  readonly clusterId: string;
  /** The session that holds it; kept after the end where the VM went with its session. */
  readonly sessionId: string | null;
  /** The snapshot it was restored from, if any. */
  readonly snapshotId: string | null;
  readonly origin: VmOrigin | null;
  readonly ipAddress: string | null;
  /** Whether it has a screen, where VMs of its provider differ in that; null until it is known. */
  readonly hasScreen: boolean | null;
  /** From the claim, or from the start of its making, to a guest that answers. */
  readonly spawnDurationMs: number | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly version: number;
}

/** The name of a role's VM in a cluster. */
export function vmName(role: VmRole, clusterName: string): string {
  const prefix = { CONTROL_PLANE: 'cp', WORKER: 'wk', STANDALONE: 'vm' }[role];
  return `${prefix}-${clusterName}`;
}
