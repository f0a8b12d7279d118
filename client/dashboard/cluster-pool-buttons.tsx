import { Button, Group, Modal, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type SubmitEvent, useMemo, useState } from 'react';
import type { ClusterPool, Session } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { BOOTSTRAP_POOL, DELETE_POOL, RELEASE_ALL, WARM_UP_POOL } from './cluster-pool-actions.ts';
import { useStanding, useThings } from './live.ts';
import { PressButton } from './press-button.tsx';
import { useAction } from './use-action.ts';

/** What can be done to a pool as a whole, as far as the viewer may. */
export function ClusterPoolButtons({ pool }: { pool: ClusterPool }) {
  const { name, allowedActions } = pool;
  const live = useLiveSessionCount(pool.id);
  const may = (verb: string) => allowedActions.includes(verb);
  return (
    <div className="buttons">
      {may('warmUpPool') && (
        <ActionButton
          document={WARM_UP_POOL}
          variables={{ pool: name }}
          label="Warm up"
          about={name}
        />
      )}
      {may('bootstrapPool') && (
        <ActionButton
          document={BOOTSTRAP_POOL}
          variables={{ pool: name }}
          label="Bootstrap"
          about={name}
        />
      )}
      {may('releaseAllClusters') && live > 0 && (
        <ActionButton
          document={RELEASE_ALL}
          variables={{ pool: name }}
          label="Release all"
          about={`of ${name}`}
          confirm={releaseWarning(live)}
        />
      )}
      {may('deleteClusterPool') && <DeletePool name={name} />}
    </div>
  );
}

/** What is lost when all sessions of a pool are ended. */
function releaseWarning(live: number): string {
  const many = live === 1 ? 'One live session ends' : `${live} live sessions end`;
  const lost = 'What their owners did not save is lost.';
  return `${many} at once, those that wait in the queue too. ${lost}`;
}

function useLiveSessionCount(poolId: string): number {
  const sessions = useThings('sessions');
  return useMemo(() => countLive(sessions.values(), poolId), [sessions, poolId]);
}

function countLive(sessions: Iterable<Session>, poolId: string): number {
  let live = 0;
  for (const { pool, endedAt } of sessions) if (pool.id === poolId && endedAt === null) live += 1;
  return live;
}

/** Deletes a pool, once its name has been typed: there is no way back. */
function DeletePool({ name }: { name: string }) {
  const { run, isRunning } = useAction(DELETE_POOL);
  const [isAsking, { open, close }] = useDisclosure(false);
  const [typed, setTyped] = useState('');
  const isAway = useStanding() === 'AWAY';
  const ask = () => {
    setTyped('');
    open();
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (typed !== name) return;
    close();
    void run({ name });
  };
  return (
    <>
      <PressButton
        size="compact-sm"
        variant="outline"
        color="red"
        isRunning={isRunning}
        isOff={isAway}
        onClick={ask}
      >
        Delete<span className="unseen"> pool {name}</span>
      </PressButton>
      <Modal opened={isAsking} onClose={close} title={`Delete pool ${name}?`}>
        <form onSubmit={onSubmit}>
          <Text mb="md">
            All its clusters and all its snapshots are deleted, those that users saved too. There is
            no way back.
          </Text>
          <TextInput
            label={`Type ${name} to delete it`}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            data-autofocus
          />
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" color="red" disabled={typed !== name}>
              Delete it
            </Button>
          </Group>
        </form>
      </Modal>
    </>
  );
}
