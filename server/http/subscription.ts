import type { ExecutionResult } from 'graphql';
import type { Group, Member } from './group.ts';
import { Batch, type Outlet } from './outlet.ts';
import type { Source } from './result-stream.ts';

/**
 * One reader's subscription. It begins on its own: it is sent the state, or what it has missed.
 * When it is level it goes over to the group of those who asked the same. When its line cannot
 * take more, it leaves the group, and from where it was goes on by itself as soon as there is room.
 */
export class Subscription implements Member {
  readonly #group: Group;
  #outlet: Outlet | undefined;
  /** What it reads on its own; undefined while it is told with the group, and at its end. */
  #source: Source | undefined;
  #isOver = false;

  /** Takes a source that nobody has pulled yet. */
  constructor(group: Group, source: Source) {
    this.#group = group;
    this.#source = source;
    source.place.meeting = this;
    group.enter();
  }

  /** Begins to send. */
  start(outlet: Outlet): void {
    this.#outlet = outlet;
    if (this.#source !== undefined) void this.#goAlone(this.#source, outlet);
  }

  /** The reader has left; harmless when done twice. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#source?.stream.return();
    this.#source = undefined;
    this.#group.leave(this);
  }

  get at(): number | undefined {
    return this.#group.at;
  }

  get isQuiet(): boolean {
    return this.#group.isQuiet;
  }

  onMove(wake: () => void): () => void {
    return this.#group.onMove(wake);
  }

  meet(): 'JOINED' | 'LEADS' {
    const source = this.#source;
    this.#source = undefined;
    return this.#group.admit(this, source);
  }

  /** Sends what the group was told; false when the line cannot take it. */
  take(batch: Batch): boolean {
    if (this.#outlet?.hasRoom !== true) return false;
    this.#outlet.write(batch);
    return true;
  }

  /** What the group reads is over, and so is this. */
  complete(): void {
    this.#outlet?.complete();
    this.end();
  }

  /** Goes on alone behind a position, once there is room. */
  async resume(from: number): Promise<void> {
    await this.#outlet?.room();
    if (this.#isOver || this.#outlet === undefined) return;
    const source = await this.#group.openAt(from, this);
    if (!('stream' in source)) return this.#fail(source, this.#outlet);
    if (this.#isOver) return void source.stream.return();
    this.#source = source;
    await this.#goAlone(source, this.#outlet);
  }

  async #goAlone(source: Source, outlet: Outlet): Promise<void> {
    for (;;) {
      const next = await source.stream.next();
      if (this.#group.isLedBy(source)) return this.#group.lead(source, next);
      if (this.#isOver || this.#source !== source) return;
      if (next.done === true) return this.complete();
      if (!outlet.hasRoom) await outlet.room();
      if (this.#isOver) return;
      outlet.write(Batch.of(next.value));
      if (!outlet.hasRoom) await outlet.room();
      await this.#group.pace.step();
    }
  }

  #fail(result: ExecutionResult, outlet: Outlet): void {
    if (this.#isOver) return;
    outlet.write(Batch.of(result));
    this.complete();
  }
}
