import type { ExecutionResult } from 'graphql';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { Operation } from '../../server/http/operation.ts';
import { Subscription } from '../../server/http/subscription.ts';
import { Line } from './line.ts';
import type { Servers } from './servers.ts';

/** What a reader asks, and what it makes of what it is told. */
export interface Listener {
  readonly faults: string[];
  /** What it asks now; undefined when it has all it wanted. */
  ask(viewer: Viewer): Operation | undefined;
  /** A connection begins. */
  begin(at: number, viewer: Viewer, isPrompt: boolean): void;
  /** It is told something. */
  take(data: Record<string, unknown>, at: number): void;
  /** It is refused, or its subscription broke off; answers whether that was in order. */
  refused(messages: string): boolean;
  /** The server has nothing more to tell. */
  completed(at: number): void;
  /** The connection is gone, whoever ended it. */
  end(): void;
  /** It stops reading, or reads on. */
  paused(isPaused: boolean, at: number): void;
}

/** One reader, over all its connections: it drops, pauses, is slow, and comes again. */
export class Reader {
  viewer: Viewer;
  /** Milliseconds a batch takes to reach it. */
  pace = 0;
  readonly listener: Listener;
  readonly #servers: Servers;
  #line: Line | undefined;
  #subscription: Subscription | undefined;
  #isResting = false;

  constructor(servers: Servers, viewer: Viewer, listener: Listener) {
    this.#servers = servers;
    this.viewer = viewer;
    this.listener = listener;
  }

  get isConnected(): boolean {
    return this.#line !== undefined;
  }

  get isPaused(): boolean {
    return this.#line?.isPaused ?? false;
  }

  /** Subscribes, behind what it has. */
  connect(): void {
    const operation = this.listener.ask(this.viewer);
    if (this.isConnected || this.#servers.isDown || operation === undefined) return;
    const { world } = this.#servers;
    const line: Line = new Line(world, this.pace, {
      take: (result) => this.#take(result, line),
      completed: () => this.#completed(line),
      fault: (text) => void this.listener.faults.push(text),
    });
    this.#line = line;
    this.listener.begin(world.elapsed(), this.viewer, this.pace === 0);
    void this.#subscribe(operation, line);
  }

  /** The line breaks, and the server sees it. */
  drop(): void {
    const subscription = this.#subscription;
    this.#forget();
    subscription?.end();
  }

  /** The server is dead: nobody sees anything. */
  lose(): void {
    this.#forget();
  }

  pause(isFull: boolean): void {
    if (this.#line === undefined || this.#line.isPaused) return;
    this.listener.paused(true, this.#servers.world.elapsed());
    this.#line.pause(isFull);
  }

  resume(): void {
    if (this.#line?.isPaused !== true) return;
    this.listener.paused(false, this.#servers.world.elapsed());
    this.#line.resume();
  }

  /** It is slow and away no longer, and comes again at once when it is told to. */
  rest(): void {
    this.#isResting = true;
    this.resume();
    this.#line?.hurry();
    this.pace = 0;
    this.connect();
  }

  async #subscribe(operation: Operation, line: Line): Promise<void> {
    const result = await this.#servers.run(operation, this.viewer);
    if (!(result instanceof Subscription)) {
      if (line === this.#line) this.#refused(result);
      return;
    }
    // The line may have broken while the operation was on its way.
    if (line !== this.#line) return result.end();
    this.#subscription = result;
    result.start(this.#servers.ports.outlet?.(line, this.viewer) ?? line);
  }

  #take(result: ExecutionResult, line: Line): void {
    this.#servers.writing();
    if (line !== this.#line) return;
    if (result.errors !== undefined) this.#refused(result);
    else this.listener.take(result.data ?? {}, this.#servers.world.elapsed());
  }

  #refused({ errors = [] }: ExecutionResult): void {
    const messages = errors.map(({ message }) => message).join('; ');
    if (!this.listener.refused(messages)) this.listener.faults.push(`refused: ${messages}`);
    this.drop();
    if (this.#isResting) this.connect();
  }

  #completed(line: Line): void {
    if (line !== this.#line) return;
    this.listener.completed(this.#servers.world.elapsed());
    this.drop();
  }

  #forget(): void {
    this.#line?.cut();
    if (this.#line !== undefined) this.listener.end();
    this.#line = undefined;
    this.#subscription = undefined;
  }
}
