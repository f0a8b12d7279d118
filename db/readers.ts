import { openReader, type Connection, type Db } from './connection.ts';

/** What the readers need of the world. */
export interface ReaderClock {
  after(ms: number, callback: () => void): () => void;
}

/** One transaction of reads, on a connection of its own until it is released. */
export interface ReadLease {
  readonly db: Db;
  /** Ends the transaction and gives the connection back; harmless when done twice. */
  release(): void;
}

/** Too many reads wait for a connection. */
export class TooManyReads extends Error {
  override readonly message = 'too many reads are waiting; try again';
}

const CONNECTIONS = 8;
const MOST_WAITING = 2_000;
/** A read transaction keeps the log of the database from being trimmed, so it must be short. */
const LONGEST_READ_MS = 5_000;

interface Pooled extends Connection {
  readonly begin: () => void;
  readonly end: () => void;
}

/** A bounded pool of read-only connections: nobody who reads sees what is not durable. */
export class Readers {
  readonly #free: Pooled[] = [];
  readonly #all: Pooled[] = [];
  readonly #waiting: ((connection: Pooled) => void)[] = [];
  readonly #own: Pooled;
  readonly #path: string;
  readonly #clock: ReaderClock;

  constructor(path: string, clock: ReaderClock) {
    this.#path = path;
    this.#clock = clock;
    this.#own = this.#open();
  }

  /** Reads at once and synchronously, in one transaction, on a connection kept for that. */
  read<T>(body: (db: Db) => T): T {
    this.#own.begin();
    try {
      return body(this.#own.db);
    } finally {
      this.#own.end();
    }
  }

  /** Waits for a connection; the transaction sees what is committed when it first reads. */
  async lease(): Promise<ReadLease> {
    return this.#leaseOf(await this.#take());
  }

  /** Closes all connections; nothing may read any more. */
  close(): void {
    for (const connection of this.#all) connection.raw.close();
  }

  #leaseOf(connection: Pooled): ReadLease {
    connection.begin();
    let open = true;
    const release = () => {
      if (!open) return;
      open = false;
      cancel();
      if (!connection.raw.open) return;
      connection.end();
      this.#giveBack(connection);
    };
    const cancel = this.#clock.after(LONGEST_READ_MS, release);
    return {
      get db() {
        if (!open) throw new Error('this read transaction has ended');
        return connection.db;
      },
      release,
    };
  }

  #take(): Promise<Pooled> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#all.length <= CONNECTIONS) return Promise.resolve(this.#open());
    if (this.#waiting.length >= MOST_WAITING) return Promise.reject(new TooManyReads());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(connection: Pooled): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(connection);
    else next(connection);
  }

  #open(): Pooled {
    const connection = openReader(this.#path);
    const begin = connection.raw.prepare('BEGIN');
    const end = connection.raw.prepare('COMMIT');
    const pooled = { ...connection, begin: () => void begin.run(), end: () => void end.run() };
    this.#all.push(pooled);
    return pooled;
  }
}
