import type { Session } from './session.ts';

/** What a caller may do, from least to most. */
export const ROLES = ['VIEWER', 'USER', 'ADMIN'] as const;
/**
 * VIEWER sees pools, clusters, VMs without address, snapshots and jobs. USER also has sessions of
 * its own. ADMIN sees and does everything, also on behalf of others.
 */
export type Role = (typeof ROLES)[number];

/** Who is asking. */
export interface Viewer {
  readonly name: string;
  readonly role: Role;
  /** The token it showed, if any: what outlives the request ends with it. */
  readonly tokenId?: string | undefined;
}

/** Whether the viewer has at least this role. */
export function hasRole(viewer: Viewer, role: Role): boolean {
  return ROLES.indexOf(viewer.role) >= ROLES.indexOf(role);
}

/** Whether the viewer may see sessions of this owner, and what belongs to them. */
export function seesOwner(viewer: Viewer, owner: Session['owner']): boolean {
  return viewer.role === 'ADMIN' || (viewer.role === 'USER' && viewer.name === owner);
}

/** Those with the same view see the same: all admins, all viewers, and each user for itself. */
export type View = 'ADMIN' | 'VIEWER' | `USER:${string}`;

/** What a viewer sees depends on this and on nothing else of it. */
export function viewOf({ role, name }: Viewer): View {
  return role === 'USER' ? `USER:${name}` : role;
}
