import { fieldOf, fieldsOf } from './outside.ts';

/** What one message of a subscription brought. */
export type Message = Readonly<Record<string, unknown>>;

/** How many messages are shown at most; whoever needs all asks for the history. */
const SHOWN = 30;
/** Characters of them; the first state of a big pool alone may be many. */
const SHOWN_CHARACTERS = 100_000;

interface Earlier {
  readonly at: string;
  readonly message: Message;
  readonly characters: number;
}

/**
 * The messages of one subscription as the playground shows them: the newest first and whole, the
 * earlier ones below it, in short. Without that a change would be gone from the screen with the
 * next bookmark, before anybody has read it.
 */
export class MessageScroll {
  readonly #kept: Earlier[] = [];
  #count = 0;

  /** Takes in one message that came at this time of day. */
  add(message: Message, at: string): void {
    this.#count += 1;
    const [newest] = this.#kept;
    // One bookmark says all that those before it said.
    if (newest !== undefined && isBookmark(newest.message)) this.#kept.shift();
    this.#kept.unshift({ at, message, characters: JSON.stringify(message).length });
    this.#kept.length = this.#fitting();
  }

  /** What to show now. */
  shown(): Message {
    const [newest, ...before] = this.#kept;
    if (newest === undefined) return {};
    return {
      message: this.#count,
      at: newest.at,
      ...newest.message,
      ...(before.length > 0 && {
        earlier: before.map(({ at, message }) => ({ at, ...told(message) })),
      }),
    };
  }

  /** What to show when it has ended without being asked to. */
  ended(why: string): Message {
    return { errors: [{ message: why }], ...this.shown() };
  }

  /** How many of the kept messages are still shown; the newest always is. */
  #fitting(): number {
    let left = SHOWN_CHARACTERS;
    const tooMany = this.#kept.findIndex(({ characters }, index) => {
      left -= characters;
      return index >= SHOWN || (index > 0 && left < 0);
    });
    return tooMany === -1 ? this.#kept.length : tooMany;
  }
}

/** A message without what it tells nothing of, so that many fit on a screen. */
function told(message: Message): Message {
  const leaveOut = (_key: string, value: unknown) => (value === null ? undefined : value);
  return fieldsOf(JSON.parse(JSON.stringify(message, leaveOut)));
}

function isBookmark({ data }: Message): boolean {
  return fieldOf(fieldOf(data, 'changes'), '__typename') === 'FeedBookmark';
}
