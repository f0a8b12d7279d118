import { Button, Checkbox, MultiSelect, Select, TextInput } from '@mantine/core';
import { Pause, Play } from 'lucide-react';
import {
  useDeferredValue,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { useClient } from 'urql';
import { useChoice } from './address.ts';
import { byName } from './by-name.ts';
import type { LogChange } from './history-documents.ts';
import { HistoryDays } from './history-rows-of-day.tsx';
import { useFocusKept } from './focus.ts';
import { followingWords } from './following-words.ts';
import { HistoryLog, type LogFilter, type LogView } from './history-log.ts';
import { MOST_ENTRIES, type Entry } from './history-rows.ts';
import { finder, KIND_CHOICES } from './history-words.ts';
import { useThings } from './live.ts';
import { ClockTime } from './moment.tsx';
import { PressButton } from './press-button.tsx';
import { useScrolledAway } from './scrolled-away.ts';

/** How many lines more are drawn each time that older ones are asked for. */
const DRAWN_AT_ONCE = 100;

/** The log of one thing, or of all that is chosen, as it happens. */
export function HistoryList(props: { id: string | null; typeOfId: LogChange['type'] | null }) {
  const { id, typeOfId } = props;
  const [pool, setPool] = useChoice('pool');
  const [kinds, setKinds] = useChoice('kinds');
  const chosen = useMemo(() => kindsIn(kinds), [kinds]);
  const types = useMemo(() => (typeOfId === null ? chosen : [typeOfId]), [typeOfId, chosen]);
  const [words, setWords] = useChoice('words');
  const [text, setText] = useState(words);
  const [moves, setMoves] = useChoice('changes', 'all');
  const onlyMoves = moves === 'moves';
  const filter = useMemo(() => ({ pool: pool === '' ? null : pool, types, id }), [pool, types, id]);
  return (
    <section className="card" aria-label="Log">
      <h2 className={id === null ? undefined : 'unseen'}>What happened</h2>
      <div className="log-filters" role="search" aria-label="Log">
        {id === null && <PoolChoice value={pool} onChange={setPool} />}
        {id === null && (
          <MultiSelect
            label="Kinds of things"
            placeholder={chosen.length === 0 ? 'All' : ''}
            data={KIND_CHOICES}
            value={[...chosen]}
            onChange={(values) => setKinds(values.join())}
            clearable
          />
        )}
        <TextInput
          label="Words in what is loaded"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          // Browsers do not let an address change with every letter.
          onBlur={() => setWords(text)}
        />
        <Checkbox
          className="log-moves"
          label="Only changes of state"
          checked={onlyMoves}
          onChange={(event) => setMoves(event.currentTarget.checked ? 'moves' : 'all')}
        />
      </div>
      <FollowedLog filter={filter} text={text} onlyMoves={onlyMoves} />
    </section>
  );
}

const KIND_VALUES: readonly LogChange['type'][] = [
  'SESSION',
  'CLUSTER_POOL',
  'CLUSTER',
  'SNAPSHOT',
  'VM_HANDLE',
  'JOB',
  'IMAGE',
];

/** What an address says; a kind that there is not is no kind. */
function kindsIn(kinds: string): LogFilter['types'] {
  const wanted = kinds.split(',');
  return KIND_VALUES.filter((kind) => wanted.includes(kind));
}

function PoolChoice({ value, onChange }: { value: string; onChange: (name: string) => void }) {
  const pools = useThings('clusterPools');
  const names = useMemo(() => [...pools.values()].sort(byName).map(({ name }) => name), [pools]);
  return (
    <Select
      label="Pool"
      placeholder="All"
      data={value === '' || names.includes(value) ? names : [value, ...names]}
      clearable
      value={value === '' ? null : value}
      onChange={(name) => onChange(name ?? '')}
    />
  );
}

/** The lines themselves, and what decides whether new ones come among them. */
function FollowedLog(props: { filter: LogFilter; text: string; onlyMoves: boolean }) {
  const { filter, text, onlyMoves } = props;
  const { log, view } = useHistoryLog(filter);
  const [isPaused, setIsPaused] = useState(false);
  const top = useRef<HTMLDivElement>(null);
  const isAway = useScrolledAway(top);
  useEffect(() => log.hold(isPaused || isAway), [log, isPaused, isAway]);
  const found = useFound(view.entries, text, onlyMoves);
  return (
    <>
      <div className="log-bar">
        <Button
          variant="default"
          leftSection={isPaused ? <Play size={16} /> : <Pause size={16} />}
          onClick={() => setIsPaused(!isPaused)}
        >
          {isPaused ? 'Resume' : 'Pause'}
        </Button>
        <p className="quiet">
          <span role="status">{followingWords(view, { isPaused, isAway })}</span>
          {view.waitingCount > 0 && <>, {view.waitingCount} new</>}
        </p>
        {!view.hasNewest && !isAway && !isPaused && (
          <PressButton variant="default" onClick={() => log.start()}>
            To the newest
          </PressButton>
        )}
      </div>
      {view.lostAt !== null && <LostNote at={view.lostAt} isStale={!view.hasNewest} />}
      <div ref={top} />
      {isAway && !isPaused && view.waitingCount > 0 && (
        <NewAbove
          count={view.waitingCount}
          onClick={() => top.current?.scrollIntoView({ block: 'center' })}
        />
      )}
      <LogTable
        view={view}
        found={found}
        isFiltered={text !== '' || onlyMoves}
        log={log}
        filter={filter}
      />
    </>
  );
}

/** Leads to what is new; it goes once that is seen, and leaves the focus at the log's heading. */
function NewAbove({ count, onClick }: { count: number; onClick: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useFocusKept(button);
  return (
    <button ref={button} type="button" className="log-new" onClick={onClick}>
      {count} new above
    </button>
  );
}

function useHistoryLog(filter: LogFilter): { log: HistoryLog; view: LogView } {
  const client = useClient();
  const log = useMemo(() => new HistoryLog(client, filter), [client, filter]);
  useEffect(() => {
    log.start();
    return () => log.close();
  }, [log]);
  return { log, view: useSyncExternalStore(log.listen, log.read) };
}

/** The lines that are wanted; typing stays quick while they are looked through. */
function useFound(entries: readonly Entry[], text: string, onlyMoves: boolean): readonly Entry[] {
  const words = useDeferredValue(text);
  return useMemo(() => {
    const isWanted = finder(words);
    if (isWanted === null && !onlyMoves) return entries;
    const isMove = ({ from, to }: LogChange) => from !== null || to !== null;
    return entries.filter(
      ({ change }) => (!onlyMoves || isMove(change)) && (isWanted?.(change) ?? true),
    );
  }, [entries, words, onlyMoves]);
}

function LostNote({ at, isStale }: { at: string; isStale: boolean }) {
  return (
    <p className="warning" role="status">
      At <ClockTime at={at} /> the log could not be followed without a gap.{' '}
      {isStale ? 'It is read anew when you go on.' : 'It was read anew.'}
    </p>
  );
}

interface LogTableProps {
  readonly view: LogView;
  readonly found: readonly Entry[];
  readonly isFiltered: boolean;
  readonly log: HistoryLog;
  readonly filter: LogFilter;
}

function LogTable({ view, found, isFiltered, log, filter }: LogTableProps) {
  const [most, setMost] = useState(DRAWN_AT_ONCE);
  const hasMore = found.length > most || view.hasOlder;
  const showOlder = () => {
    setMost((before) => Math.min(before + DRAWN_AT_ONCE, MOST_ENTRIES));
    if (found.length < most + DRAWN_AT_ONCE) void log.showOlder();
  };
  if (view.state === 'FOLLOWING' && found.length === 0 && !hasMore) {
    return (
      <p className="quiet">
        {isFiltered ? 'No line is like that among what is loaded.' : 'Nothing yet.'}
      </p>
    );
  }
  return (
    <>
      <table className="rows log" aria-label="Log, newest first">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Thing</th>
            <th scope="col">What</th>
            <th scope="col">Why</th>
            <th scope="col">Who</th>
          </tr>
        </thead>
        <HistoryDays entries={found.slice(0, most)} isOfOneThing={filter.id !== null} />
      </table>
      {hasMore && (
        <div className="log-bar">
          <PressButton variant="default" isRunning={view.isLoadingOlder} onClick={showOlder}>
            Show older
          </PressButton>
          <p className="quiet">
            {found.length > most ? most : found.length} of {view.hasOlder ? 'more' : found.length},
            at most {MOST_ENTRIES.toLocaleString('en')} at once
          </p>
        </div>
      )}
    </>
  );
}
