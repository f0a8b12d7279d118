import type { CDPSession } from 'playwright-core';
import { z } from 'zod';

/** What a trace says of the thread that draws a page. */
export interface Busy {
  readonly longestMs: number;
  /** How many tasks took over 50 ms: people feel those. */
  readonly over50: number;
  /** The share of the time in which it did something. */
  readonly share: number;
}

const event = z.object({
  name: z.string(),
  ph: z.string(),
  pid: z.number(),
  tid: z.number(),
  ts: z.number(),
  dur: z.number().optional(),
  args: z.object({ name: z.string().optional() }).loose(),
});

type Event = z.infer<typeof event>;

/** A trace of a page, as the browser's own tools make it. */
export class LongTasks {
  readonly #devtools: CDPSession;
  readonly #events: Event[] = [];

  private constructor(devtools: CDPSession) {
    this.#devtools = devtools;
    devtools.on('Tracing.dataCollected', ({ value }) => {
      for (const one of value) {
        const parsed = event.safeParse(one);
        if (parsed.success) this.#events.push(parsed.data);
      }
    });
  }

  /** Begins a trace. */
  static async begin(devtools: CDPSession): Promise<LongTasks> {
    const tasks = new LongTasks(devtools);
    const categories =
      'toplevel,disabled-by-default-devtools.timeline,devtools.timeline,__metadata';
    await devtools.send('Tracing.start', { categories, transferMode: 'ReportEvents' });
    return tasks;
  }

  /** Ends it, and sums it up. */
  async end(): Promise<Busy> {
    const complete = new Promise((resolve) => {
      this.#devtools.once('Tracing.tracingComplete', resolve);
    });
    await this.#devtools.send('Tracing.end');
    await complete;
    const tasks = this.#events.filter(({ name, ph }) => name === 'RunTask' && ph === 'X');
    const pages = this.#pageThreads();
    const ours = tasks.filter(({ pid, tid }) => pages.has(`${pid} ${tid}`));
    if (ours.length === 0) throw new Error('the trace tells of no task of the page');
    const times = ours.map(({ dur = 0 }) => dur / 1_000);
    const from = Math.min(...ours.map(({ ts }) => ts));
    const to = Math.max(...ours.map(({ ts, dur = 0 }) => ts + dur));
    return {
      longestMs: Math.max(...times),
      over50: times.filter((ms) => ms > 50).length,
      share: times.reduce((sum, ms) => sum + ms, 0) / ((to - from) / 1_000),
    };
  }

  /** The main threads of the processes that draw pages. */
  #pageThreads(): ReadonlySet<string> {
    const named = this.#events.filter(
      ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
    );
    return new Set(named.map(({ pid, tid }) => `${pid} ${tid}`));
  }
}
