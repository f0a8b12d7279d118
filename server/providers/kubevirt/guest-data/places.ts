/**
 * Where things are in guests. Snapshots hold guests as they were, so a place that has once been
 * used stays what it is.
 */

/** Turn marks: an empty file for each. */
export const MARKS_FOLDER = '/var/lib/snapyard/marks';

/** Why the guest could not set itself up: one line; absent as long as nothing failed. */
export const FAILED_FILE = '/var/lib/snapyard/failed';

/** What a control plane tells workers to join it by; only root reads it. */
export const JOIN_FILE = '/etc/kubeadm-join-command';
