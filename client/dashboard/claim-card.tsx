import { Group, NativeSelect, NumberInput, TextInput } from '@mantine/core';
import { type SubmitEvent, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import type { ClusterPool } from '../subject.ts';
import { ActionScope } from './action-scope.tsx';
import { byName } from './by-name.ts';
import { type ClaimWish, claimInput, savedFor } from './claim-wish.ts';
import { useStanding, useThings, useViewer } from './live.ts';
import { paths } from './paths.ts';
import { PressButton } from './press-button.tsx';
import { useSavedSets } from './saved-sets.ts';
import { CLAIM } from './session-actions.ts';
import { useAction } from './use-action.ts';

/** Claims a cluster of any pool, in one's own words; nothing for who may not claim. */
export function ClaimCard() {
  const clusterPools = useThings('clusterPools');
  const pools = useMemo(
    () =>
      [...clusterPools.values()]
        .filter(({ allowedActions }) => allowedActions.includes('createSession'))
        .sort(byName),
    [clusterPools],
  );
  if (pools.length === 0) return null;
  return (
    <section className="card" aria-label="Claim">
      <h2>Claim a cluster</h2>
      <ActionScope>
        <ClaimForm pools={pools} />
      </ActionScope>
    </section>
  );
}

const NOTHING_YET: Omit<ClaimWish, 'pool'> = { minutes: '', owner: '', snapshotId: '' };

function ClaimForm({ pools }: { pools: readonly ClusterPool[] }) {
  // A pool that comes or goes never puts another one under the hand.
  const [wish, setWish] = useState<ClaimWish>(() => ({ ...NOTHING_YET, pool: firstOf(pools) }));
  const { run, isRunning } = useAction(CLAIM);
  const [, go] = useLocation();
  const isAway = useStanding() === 'AWAY';
  const pool = pools.find(({ name }) => name === wish.pool);
  const whole = { ...wish, pool: pool?.name ?? '' };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (pool === undefined || isAway || isRunning) return;
    void run({ input: claimInput(whole) }).then((data) => {
      if (data !== null && 'id' in data.createSession) go(paths.session(data.createSession.id));
    });
  };
  return (
    <form onSubmit={onSubmit}>
      <Group className="claim" align="flex-end">
        <NativeSelect
          label="Pool"
          value={whole.pool}
          onChange={(event) =>
            setWish({ ...wish, pool: event.currentTarget.value, snapshotId: '' })
          }
          data={[...(pool === undefined ? [NO_CHOICE] : []), ...pools.map(({ name }) => name)]}
        />
        <NumberInput
          label="Minutes"
          placeholder={pool === undefined ? '' : String(pool.sessionTtlMinutes)}
          min={1}
          {...(pool === undefined ? {} : { max: pool.maxTtlMinutes })}
          clampBehavior="none"
          allowDecimal={false}
          value={wish.minutes}
          onChange={(minutes) => setWish({ ...wish, minutes })}
        />
        <MoreWishes wish={whole} onWish={setWish} />
        <PressButton type="submit" isRunning={isRunning} isOff={isAway || pool === undefined}>
          Claim
        </PressButton>
      </Group>
    </form>
  );
}

const NO_CHOICE = { value: '', label: 'Choose one' };

function firstOf(pools: readonly ClusterPool[]): string {
  return pools[0]?.name ?? '';
}

/** What not everybody has to choose from. */
function MoreWishes({ wish, onWish }: { wish: ClaimWish; onWish: (wish: ClaimWish) => void }) {
  const viewer = useViewer();
  const saved = savedFor(useSavedSets(), wish, viewer?.name ?? '');
  return (
    <>
      {viewer?.role === 'ADMIN' && (
        <TextInput
          label="On behalf of"
          placeholder={viewer.name}
          autoComplete="off"
          maxLength={128}
          value={wish.owner}
          onChange={(event) =>
            onWish({ ...wish, owner: event.currentTarget.value, snapshotId: '' })
          }
        />
      )}
      {saved.length > 0 && (
        <NativeSelect
          label="From"
          value={wish.snapshotId}
          onChange={(event) => onWish({ ...wish, snapshotId: event.currentTarget.value })}
          data={[
            { value: '', label: 'a warm cluster' },
            ...saved.map(({ id, title }) => ({ value: id, label: title })),
          ]}
        />
      )}
    </>
  );
}
