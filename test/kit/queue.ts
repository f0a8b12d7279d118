/** A stream that a test feeds by hand, and that knows how it ended. */
export interface Queue<Message> {
  readonly stream: AsyncIterableIterator<Message>;
  push(message: Message): void;
  end(): void;
  fail(error: Error): void;
  /** How many messages were taken. */
  taken(): number;
  /** Settles when its reader left. */
  readonly left: Promise<void>;
}

type Step<Message> = { message: Message } | { error: Error } | 'END';

/** Makes a stream. Unlike a generator it can be left while somebody waits for its next message. */
export function queue<Message>(): Queue<Message> {
  const steps: Step<Message>[] = [];
  let waiting: ((step: Step<Message>) => void) | undefined;
  let taken = 0;
  let leave: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const add = (step: Step<Message>) => {
    const wake = waiting;
    waiting = undefined;
    if (wake === undefined) steps.push(step);
    else wake(step);
  };
  const stream: AsyncIterableIterator<Message> = {
    [Symbol.asyncIterator]: () => stream,
    async next() {
      const step =
        steps.shift() ?? (await new Promise<Step<Message>>((resolve) => void (waiting = resolve)));
      if (step === 'END') return { done: true, value: undefined };
      if ('error' in step) throw step.error;
      taken += 1;
      return { done: false, value: step.message };
    },
    return() {
      leave();
      add('END');
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return {
    stream,
    left,
    taken: () => taken,
    push: (message) => add({ message }),
    end: () => add('END'),
    fail: (error) => add({ error }),
  };
}
