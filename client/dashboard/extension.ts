const MINUTE_MS = 60_000;

/** Less than this is soon: whoever works there wants to know. */
const SOON_MS = 5 * MINUTE_MS;

/** What decides how long a session may last; times as the feed brings them. */
export interface Lasting {
  readonly createdAt: string;
  readonly expiresAt: string | null;
  /** The most that its pool allows; null where that is not known. */
  readonly maxTtlMinutes: number | null;
}

/** What an extension would come to. */
export interface Extension {
  /** When the session would end; epoch milliseconds. */
  readonly endsAt: number;
  /** LATER as wanted; CUT to what the pool allows; NOTHING when it ends no earlier as it is. */
  readonly effect: 'LATER' | 'CUT' | 'NOTHING';
}

/** The latest end that the pool allows a session, in epoch milliseconds; null if not known. */
export function latestEnd({ createdAt, maxTtlMinutes }: Lasting): number | null {
  return maxTtlMinutes === null ? null : Date.parse(createdAt) + maxTtlMinutes * MINUTE_MS;
}

/** What comes of wanting a session to end so many minutes from now: it never ends earlier. */
export function extensionOf(lasting: Lasting, minutes: number, now: number): Extension {
  const latest = latestEnd(lasting) ?? Infinity;
  const present = lasting.expiresAt === null ? 0 : Date.parse(lasting.expiresAt);
  const wanted = now + minutes * MINUTE_MS;
  const endsAt = Math.max(present, Math.min(wanted, latest));
  if (endsAt === present) return { endsAt, effect: 'NOTHING' };
  return { endsAt, effect: endsAt < wanted ? 'CUT' : 'LATER' };
}

/** Whether something ends so soon that it should be looked at. */
export function isSoon(endsAt: string, now: number): boolean {
  return Date.parse(endsAt) - now < SOON_MS;
}
