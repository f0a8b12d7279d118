/**
 * Those who read the same are told together, at one position. A reader that has been on its own,
 * to read the state or what it has missed, goes over to them where they stand.
 */
export interface Meeting {
  /** The position of the last message that they have; undefined while nobody reads for them. */
  readonly at: number | undefined;
  /** Whether they have been given all that was read for them. */
  readonly isQuiet: boolean;
  /**
   * The reader stands where they stand. `JOINED`: it will be told with them, and its own stream
   * is over. `LEADS`: nobody reads for them, so this stream, which goes on, is theirs from now on.
   */
  meet(): 'JOINED' | 'LEADS';
  /** Calls back when their position has moved; returns how to stop. */
  onMove(wake: () => void): () => void;
}

/** Where one stream of the feed begins, where it ends, and how far it is. */
export class Place {
  /** A position of this database behind which the stream goes on, whatever its arguments say. */
  readonly from: number | undefined;
  /** Position of the last message; while a state is being told, that of the one before it. */
  last = 0;
  /** Whether no part of a state is still to come. */
  isWhole = true;
  /** What the stream is about, by ids that are never used again, as names may be. */
  about = '';
  /** Whether the reader has told all there was, and waits. */
  isWaiting = false;
  /** Whom the reader goes over to; undefined when it stays on its own. */
  meeting: Meeting | undefined;

  constructor(from?: number, meeting?: Meeting) {
    this.from = from;
    this.meeting = meeting;
  }

  /** Goes over to the others; true when this stream is over with that. */
  meet(): boolean {
    if (this.meeting?.meet() === 'JOINED') return true;
    // Whoever leads has nobody to meet any more.
    this.meeting = undefined;
    return false;
  }

  /** Waits as the reader does, and lets others know that it does. */
  async wait(waiting: Promise<void>): Promise<void> {
    this.isWaiting = true;
    await waiting;
    this.isWaiting = false;
  }
}
