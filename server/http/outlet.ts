import type { ExecutionResult } from 'graphql';

/** Results that are written together; each is serialised once for all who get it. */
export class Batch {
  /** The results as JSON in UTF-8. */
  readonly results: readonly Buffer[];
  #events: Buffer | undefined;

  constructor(results: readonly Buffer[]) {
    this.results = results;
  }

  /** A batch of one result. */
  static of(result: ExecutionResult): Batch {
    return new Batch([serialised(result)]);
  }

  /** The results as server-sent events. */
  get events(): Buffer {
    this.#events ??= Buffer.concat(this.results.flatMap((one) => [EVENT, one, EVENT_END]));
    return this.#events;
  }
}

const EVENT = Buffer.from('event: next\ndata: ');
const EVENT_END = Buffer.from('\n\n');

/** A result as it is sent. */
export function serialised(result: ExecutionResult): Buffer {
  return Buffer.from(JSON.stringify(result));
}

/** Where the results of one subscription go: a line to one reader. */
export interface Outlet {
  /** Whether the network has taken all that was written. Only then may more be written. */
  readonly hasRoom: boolean;
  /** Writes results; none is lost unless the line breaks. */
  write(batch: Batch): void;
  /** Resolves when there is room again, or the line is gone. */
  room(): Promise<void>;
  /** Nothing more will come. */
  complete(): void;
}
