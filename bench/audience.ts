/** Many subscribers at once, and how many messages they have got together. */
import { randomUUID } from 'node:crypto';
import { Subscriber, type Wish } from './subscriber.ts';

/** What of an audience is looked at more closely. */
export interface Attention {
  /** Of so many subscribers the messages of one are kept. */
  readonly keepOneIn: number;
  /** Told of the messages of those: the how manieth it was. */
  readonly heard?: (nth: number) => void;
}

/** Subscribers that connect at the same time. */
const AT_ONCE = 50;
/** What has been sent and not come by then is lost. */
const PATIENCE_MS = 60_000;

/** Subscribers to the same thing. */
export class Audience {
  /** All messages of a sample of the subscribers. */
  readonly kept: string[][] = [];
  readonly #subscribers: Subscriber[] = [];
  readonly #waiting = new Map<PromiseWithResolvers<void>, number>();
  #least = Infinity;
  #counted = 0;
  #lost = 0;
  #failure: Error | undefined;

  /** How many there are. */
  get size(): number {
    return this.#subscribers.length;
  }

  /** Messages that counted, of all together. */
  get counted(): number {
    return this.#counted;
  }

  /** Those who were dropped and have noticed. */
  get lost(): number {
    return this.#lost;
  }

  /** Connects so many and waits until all are level. */
  static async gather(wish: Wish, count: number, attention: Attention): Promise<Audience> {
    const audience = new Audience();
    for (let from = 0; from < count; from += AT_ONCE) {
      const length = Math.min(AT_ONCE, count - from);
      const numbers = Array.from({ length }, (_, n) => from + n);
      await Promise.all(numbers.map((number) => audience.#join(wish, number, attention)));
    }
    return audience;
  }

  async #join(wish: Wish, number: number, { keepOneIn, heard }: Attention): Promise<void> {
    const isKept = number % keepOneIn === 0;
    const texts: string[] = [];
    if (isKept) this.kept.push(texts);
    const tell = isKept ? heard : undefined;
    const counted = (nth: number) => {
      tell?.(nth);
      this.#count();
    };
    const ended = (error: Error) => this.#fail(error);
    const text = isKept ? (message: string) => void texts.push(message) : undefined;
    this.#subscribers.push(await Subscriber.open(wish, randomUUID(), { counted, ended, text }));
  }

  #count(): void {
    this.#counted += 1;
    if (this.#counted < this.#least) return;
    for (const [waiting, total] of this.#waiting) {
      if (total <= this.#counted) waiting.resolve();
    }
  }

  /** Resolves when all together have got so many messages. */
  async reached(total: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#counted >= total) return;
    const waiting = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      waiting.reject(new Error(`of ${total} messages only ${this.#counted} have come`));
    }, PATIENCE_MS);
    this.#waiting.set(waiting, total);
    this.#watchLeast();
    try {
      await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
      this.#watchLeast();
    }
  }

  /** All stop reading. */
  pause(): void {
    for (const subscriber of this.#subscribers) subscriber.pause();
  }

  /** All read on. */
  resume(): void {
    for (const subscriber of this.#subscribers) subscriber.resume();
  }

  /** All hang up. */
  close(): void {
    for (const subscriber of this.#subscribers) subscriber.close();
  }

  #fail(error: Error): void {
    this.#lost += 1;
    this.#failure ??= error;
    for (const waiting of this.#waiting.keys()) waiting.reject(this.#failure);
  }

  #watchLeast(): void {
    this.#least = Math.min(...this.#waiting.values());
  }
}
