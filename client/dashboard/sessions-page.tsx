import { Button, Group, NativeSelect } from '@mantine/core';
import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { byName } from './by-name.ts';
import { ClaimCard } from './claim-card.tsx';
import { EndedSessions } from './ended-sessions.tsx';
import { useThings, useViewer } from './live.ts';
import { LiveSessions } from './live-sessions.tsx';
import { usePageTitle } from './page-title.ts';
import {
  addressOf,
  endedStatuses,
  SESSION_STATUSES,
  type SessionWish,
  showsLive,
  wishIn,
} from './session-wish.ts';
import { wordFor } from './status.tsx';
import './session-page.css';

/** Every session that the viewer may see: those that go on, and those that have ended. */
export default function SessionsPage() {
  usePageTitle('Sessions');
  const viewer = useViewer();
  // In the address, so that a reload and the way back find it as it was.
  const [params, setParams] = useSearchParams();
  const wish = useMemo(() => wishIn(params), [params]);
  const setWish = (wanted: SessionWish) => setParams(addressOf(wanted), { replace: true });
  const name = viewer?.name ?? '';
  const ended = endedStatuses(wish);
  return (
    <>
      <h1>Sessions</h1>
      <ClaimCard />
      <Filters wish={wish} onWish={setWish} isAdmin={viewer?.role === 'ADMIN'} />
      {showsLive(wish) && <LiveSessions wish={wish} viewerName={name} />}
      {ended.length > 0 && (
        <EndedSessions
          key={`${wish.pool} ${ended.join()}`}
          wish={wish}
          statuses={ended}
          viewerName={name}
        />
      )}
    </>
  );
}

const SCOPES = ['Mine', 'All'] as const;

interface FiltersProps {
  wish: SessionWish;
  onWish: (wish: SessionWish) => void;
  isAdmin: boolean;
}

function Filters({ wish, onWish, isAdmin }: FiltersProps) {
  const clusterPools = useThings('clusterPools');
  const names = useMemo(
    () => [...clusterPools.values()].sort(byName).map(({ name }) => name),
    [clusterPools],
  );
  const isGone = wish.pool !== '' && !names.includes(wish.pool);
  return (
    <Group className="filters" align="flex-end" role="search" aria-label="Which sessions">
      {isAdmin && (
        <Button.Group aria-label="Whose sessions">
          {SCOPES.map((scope) => (
            <Button
              key={scope}
              variant={scope === wish.scope ? 'filled' : 'default'}
              aria-pressed={scope === wish.scope}
              onClick={() => onWish({ ...wish, scope })}
            >
              {scope}
            </Button>
          ))}
        </Button.Group>
      )}
      <NativeSelect
        label="Pool"
        value={wish.pool}
        onChange={(event) => onWish({ ...wish, pool: event.currentTarget.value })}
        data={[{ value: '', label: 'Any' }, ...(isGone ? [wish.pool] : []), ...names]}
      />
      <NativeSelect
        label="State"
        value={wish.status}
        onChange={(event) => onWish({ ...wish, status: event.currentTarget.value })}
        data={[
          { value: '', label: 'Any' },
          ...SESSION_STATUSES.map((value) => ({ value, label: wordFor(value) })),
        ]}
      />
    </Group>
  );
}
