import { memo } from 'react';

/** What people call each state of each kind of thing. */
const WORDS: Readonly<Record<string, string>> = {
  AVAILABLE: 'Available',
  LOCKED: 'Locked',
  RESETTING: 'Resetting',
  CREATING: 'Creating',
  ERROR: 'Error',
  REMOVING: 'Removing',
  PENDING: 'Waiting',
  PROVISIONING: 'Getting ready',
  RUNNING: 'Running',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  QUEUED: 'Queued',
  SUCCEEDED: 'Succeeded',
  CANCELLED: 'Cancelled',
  READY: 'Ready',
  DELETING: 'Deleting',
  STARTING: 'Starting',
  PAUSED: 'Paused',
  STOPPING: 'Stopping',
  STOPPED: 'Stopped',
  UNKNOWN: 'Unknown',
};

/** The word for a state; one that came after this page was made is told as it is. */
export function wordFor(status: string): string {
  return WORDS[status] ?? status.charAt(0) + status.slice(1).toLowerCase().replaceAll('_', ' ');
}

/** A state, with its word and its colour. */
export const Status = memo(function Status({ status }: { status: string }) {
  return (
    <span className="badge" data-status={status}>
      {wordFor(status)}
    </span>
  );
});
