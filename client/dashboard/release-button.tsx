import { ActionButton, type ActionButtonProps } from './action-button.tsx';
import { heldWords } from './session-words.ts';
import type { ResultOf, VariablesOf } from '../graphql.ts';
import type { Session } from '../subject.ts';
import { RELEASE } from './session-actions.ts';

interface ReleaseButtonProps {
  session: Session;
  look?: ActionButtonProps<ResultOf<typeof RELEASE>, VariablesOf<typeof RELEASE>>['look'];
}

/** Ends a session, where the viewer may; what was made on its VMs is lost, so it asks first. */
export function ReleaseButton({ session, look }: ReleaseButtonProps) {
  if (!session.allowedActions.includes('releaseSession')) return null;
  const { assignedCluster } = session;
  return (
    <ActionButton
      document={RELEASE}
      variables={{ sessionId: session.id }}
      label="Release"
      about={heldWords(session)}
      confirm={
        assignedCluster === null
          ? 'It leaves the queue.'
          : `What was done on ${assignedCluster.name} is lost, unless it was saved.`
      }
      {...(look === undefined ? {} : { look })}
    />
  );
}
