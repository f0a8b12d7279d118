/** What people call the jobs, roles and ways of a pool. */
const WORDS: Readonly<Record<string, string>> = {
  BOOTSTRAP_POOL: 'Bootstrap the pool',
  WARM_UP_POOL: 'Warm up the pool',
  CREATE_SNAPSHOTS: 'Create snapshots',
  RECREATE_SNAPSHOTS: 'Recreate snapshots',
  DELETE_SNAPSHOTS: 'Delete snapshots',
  RESET_CLUSTER: 'Reset a cluster',
  REPAIR_CLUSTER: 'Repair a cluster',
  CONTROL_PLANE: 'Control plane',
  WORKER: 'Worker',
  STANDALONE: 'VM',
  WARM: 'warm',
  SNAPSHOT: 'from a snapshot',
  COLD_BOOT: 'from the image',
  CLUSTER: 'a cluster of the pool',
  IMAGE: 'the image',
  PREBUILT: 'a registry',
  SESSION: 'a session',
  RESET: 'put back and used again',
  REPLACE: 'destroyed and replaced',
  REFUSE: 'a claim is refused',
  QUEUE: 'a claim waits in the queue',
  PROVISION: 'a cluster is made for the claim',
  SHARED_IDENTITY: 'all clusters share one',
  REKEYED: 'each cluster has its own',
  SSH: 'by commands in the guest',
  PROBE: "by the VM's own probe",
};

/** The words for a value of the API; one that came after this page was made is told as it is. */
export function say(value: string): string {
  return WORDS[value] ?? value.toLowerCase().replaceAll('_', ' ');
}
