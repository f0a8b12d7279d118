import { unlessAborted } from './limited-signal.ts';

/**
 * Who may write keys into the guests of a cluster: one at a time, be it a session that is let in
 * or a capture that must find none. A fence cannot keep these two apart, as both act for one hold.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Waits until everybody who came before at this object has left, and answers how to leave. Who
   * stops waiting lets nobody pass who still waits for the others.
   */
  async begin(object: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#last.get(object) ?? Promise.resolve();
    const { promise, resolve: leave } = Promise.withResolvers<void>();
    const mine = Promise.all([before, promise]).then(() => {
      if (this.#last.get(object) === mine) this.#last.delete(object);
    });
    this.#last.set(object, mine);
    try {
      await unlessAborted(before, signal);
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }
}
