import { useSyncExternalStore } from 'react';

const SECOND = 1_000;

/** The time until a moment, counting down. */
export function TimeLeft({ until }: { until: string }) {
  const now = useSyncExternalStore(everySecond, currentSecond);
  const seconds = Math.max(0, Math.round((Date.parse(until) - now) / SECOND));
  return (
    <time dateTime={until} title={new Date(until).toLocaleString()}>
      {formatSeconds(seconds)}
    </time>
  );
}

/** Two units, so that it stays readable: 2 h 05 min, 14 min 09 s, 45 s. */
export function formatSeconds(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours} h ${twoDigits(minutes)} min`;
  return minutes > 0 ? `${minutes} min ${twoDigits(seconds % 60)} s` : `${seconds} s`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

function everySecond(tick: () => void): () => void {
  const timer = setInterval(tick, SECOND);
  return () => clearInterval(timer);
}

function currentSecond(): number {
  return Math.floor(Date.now() / SECOND) * SECOND;
}
