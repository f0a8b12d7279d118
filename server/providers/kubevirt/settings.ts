/** How this provider reaches its cluster, what it makes VMs of, and how much it asks. */
export interface KubevirtSettings {
  /** Path of a kubeconfig; undefined for the usual rules, the pod's own account among them. */
  readonly kubeconfig: string | undefined;
  /** The context of it; undefined for its current one. */
  readonly context: string | undefined;
  /**
   * What disks start from when a role names no image: `namespace/name` of a claim, or an
   * `http(s)://` or `docker://` address that is imported once into `vm-templates`.
   */
  readonly image: string;
  /** The storage class of disks; undefined for the default one. */
  readonly storageClass: string | undefined;
  /** The user that commands run as in guests; cloud-init makes it. */
  readonly sshUser: string;
  /** Path of a private key whose public half the image knows; undefined for a generated one. */
  readonly sshKey: string | undefined;
  /** The version of the snapshot API. */
  readonly snapshotApi: string;
  /** Requests a second that one server may send, and how many at once after a pause. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
}

/** What holds where nothing else is set. */
export const DEFAULT_KUBEVIRT_SETTINGS: KubevirtSettings = {
  kubeconfig: undefined,
  context: undefined,
  image: 'vm-templates/new-golden-image-1-33-0',
  storageClass: undefined,
  sshUser: 'snapyard',
  sshKey: undefined,
  snapshotApi: 'v1beta1',
  requestsPerSecond: 20,
  requestBurst: 40,
};
