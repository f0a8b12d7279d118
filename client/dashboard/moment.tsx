import { useSyncExternalStore } from 'react';
import { useLive } from './live.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** The time now by this computer's clock, to the second. */
export function useSecond(): number {
  return useSyncExternalStore(everySecond, currentSecond);
}

/**
 * The time now by the server's clock, to the second: components that use it are drawn anew with
 * each.
 */
export function useNow(): number {
  const ahead = useLive(({ clockAheadMs }) => clockAheadMs);
  return useSecond() + ahead;
}

/** The hour now, as the time at which it began: for periods that end about now. */
export function useHour(): number {
  const now = useNow();
  return now - (now % HOUR);
}

/** The time until a moment, counting down to nothing. */
export function TimeLeft({ until }: { until: string }) {
  const seconds = Math.max(0, Math.round((Date.parse(until) - useNow()) / SECOND));
  return <Moment at={until}>{formatSeconds(seconds)}</Moment>;
}

/** How long ago something was, counting up. */
export function Ago({ at }: { at: string }) {
  return <Moment at={at}>{formatSeconds(secondsSince(at, useNow()))} ago</Moment>;
}

/** How long something has been going on since a moment, counting up. */
export function Since({ at }: { at: string }) {
  return <Moment at={at}>{formatSeconds(secondsSince(at, useNow()))}</Moment>;
}

/** A moment by the clock of who looks, the full date in its title. */
export function ClockTime({ at }: { at: string }) {
  return <Moment at={at}>{CLOCK.format(new Date(at))}</Moment>;
}

/** A moment of any day, for what may be long ago. */
export function DayAndTime({ at }: { at: string }) {
  return <Moment at={at}>{DAY_AND_CLOCK.format(new Date(at))}</Moment>;
}

/** Two units, so that it stays readable: 3 d 04 h, 2 h 05 min, 14 min 09 s, 45 s. */
export function formatSeconds(seconds: number): string {
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${twoDigits(hours)} h`;
  if (hours > 0) return `${hours} h ${twoDigits(minutes)} min`;
  return minutes > 0 ? `${minutes} min ${twoDigits(seconds % 60)} s` : `${seconds} s`;
}

/** A duration as people compare them: 340 ms, 1.2 s, 14 s, 2 min 05 s. */
export function formatMs(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  return ms < 10 * SECOND
    ? `${(ms / SECOND).toFixed(1)} s`
    : formatSeconds(Math.round(ms / SECOND));
}

function Moment({ at, children }: { at: string; children: React.ReactNode }) {
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {children}
    </time>
  );
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'short',
});

function secondsSince(at: string, now: number): number {
  return Math.max(0, Math.round((now - Date.parse(at)) / SECOND));
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

/** One timer for all who look at the clock. */
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function everySecond(tick: () => void): () => void {
  watchers.add(tick);
  timer ??= setInterval(() => {
    for (const watcher of watchers) watcher();
  }, SECOND);
  return () => {
    watchers.delete(tick);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function currentSecond(): number {
  return Math.floor(Date.now() / SECOND) * SECOND;
}
