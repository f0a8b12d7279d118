import type { ControlPlane } from '../schema/context.ts';
import type { Viewer } from '../schema/model/viewer.ts';
import { accessVerbs } from './control-plane/access.ts';
import { clusterVerbs } from './control-plane/cluster.ts';
import { clusterPoolVerbs } from './control-plane/cluster-pool.ts';
import { consoleVerbs } from './control-plane/console.ts';
import { imageVerbs } from './control-plane/image.ts';
import { jobVerbs } from './control-plane/job.ts';
import { savedSessionVerbs } from './control-plane/saved-session.ts';
import { sessionVerbs } from './control-plane/session.ts';
import { snapshotVerbs } from './control-plane/snapshot.ts';
import type { ControlPlaneParts } from './control-plane/verb.ts';
import { vmHandleVerbs } from './control-plane/vm-handle.ts';

/** The verbs, as one viewer may use them. */
export type ControlPlaneFor = (viewer: Viewer) => ControlPlane;

/**
 * The verbs: each is one transaction that decides by what it reads and writes what was decided.
 * None waits for a provider; reconcilers bring about what the rows then say.
 */
export function createControlPlane(parts: ControlPlaneParts): ControlPlaneFor {
  return (viewer) => {
    const own = { ...parts, viewer };
    return {
      ...sessionVerbs(own),
      ...clusterPoolVerbs(own),
      ...clusterVerbs(own),
      ...snapshotVerbs(own),
      ...savedSessionVerbs(own),
      ...jobVerbs(own),
      ...imageVerbs(own),
      ...vmHandleVerbs(own),
      ...accessVerbs(own),
      ...consoleVerbs(own),
    };
  };
}
