import { getPool } from '../../db/cluster-pool.ts';
import { findLastSessionOn, findSeenSession } from '../../db/session.ts';
import { findTemplate } from '../../db/template.ts';
import type { Tx } from '../../db/tx.ts';
import { findVm, findVmsOfSession } from '../../db/vm-handle.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { SpawnVmInput } from '../../schema/inputs.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { InvalidInput, NotFound, PoolExhausted, WrongState } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { VmHandle } from '../../schema/model/vm-handle.ts';
import { sessionsSeenBy } from '../reads.ts';
import { claimFrom, transactClaim } from './claim.ts';
import { once, repeatableCall } from './repeatable.ts';
import { endSession } from './session.ts';
import { poolNamed, type VerbParts } from './verb.ts';

/** What can be done about single VMs. */
export function vmHandleVerbs(parts: VerbParts): Pick<ControlPlane, 'spawnVm' | 'destroyVm'> {
  return {
    spawnVm: (input) => spawn(parts, input),
    destroyVm: (id) => parts.store.transact((tx) => destroy(parts, tx, id)),
  };
}

async function spawn(parts: VerbParts, input: SpawnVmInput): Promise<VmHandle> {
  const owner = parts.viewer.name;
  const call = repeatableCall('spawnVm', owner, input);
  return transactClaim(parts, input.pool, (tx) => {
    const make = () => spawnFrom(parts, tx, poolNamed(tx, input.pool), { ...input, owner });
    return once(tx, call, (id) => findVm(tx.db, id), make);
  });
}

function spawnFrom(
  parts: VerbParts,
  tx: Tx,
  pool: ClusterPool,
  wanted: SpawnVmInput & { readonly owner: string },
): VmHandle {
  if (!isOfOneVm(tx, pool)) {
    throw new InvalidInput(`a cluster of pool ${pool.name} has several VMs: claim it`, 'pool');
  }
  const session = claimFrom(parts, tx, pool, wanted);
  const [vm] = findVmsOfSession(tx.db, session.id);
  // A place in the queue is no VM, and a queue that nobody sees is no answer.
  if (vm === undefined) throw new PoolExhausted('all that it may have are in use');
  return vm;
}

function isOfOneVm(tx: Tx, pool: ClusterPool): boolean {
  return findTemplate(tx.db, pool.templateId)?.roles.length === 1;
}

function destroy({ viewer }: VerbParts, tx: Tx, id: string): VmHandle {
  const vm = findVm(tx.db, id);
  if (vm === undefined) throw new NotFound('VM');
  const session = sessionOf(viewer, tx, vm);
  if (session === undefined) throw notHeld(viewer, vm);
  if (!isOfOneVm(tx, getPool(tx.db, vm.poolId))) {
    throw new WrongState(`${vm.name} is one of several VMs: release their session`, vm.phase);
  }
  endSession(viewer, tx, session);
  return findVm(tx.db, id) ?? vm;
}

/** The session that has the VM or, for a second call, the viewer's own that had it. */
function sessionOf(viewer: Viewer, tx: Tx, vm: VmHandle): Session | undefined {
  const holder =
    vm.sessionId === null
      ? undefined
      : findSeenSession(tx.db, vm.sessionId, sessionsSeenBy(viewer));
  return holder ?? findLastSessionOn(tx.db, vm.clusterId, viewer.name);
}

/** To admins every VM is known; to others one that is nobody's is like somebody else's. */
function notHeld(viewer: Viewer, vm: VmHandle): NotFound | WrongState {
  return viewer.role === 'ADMIN'
    ? new WrongState(`no session has ${vm.name}`, vm.phase)
    : new NotFound('VM');
}
