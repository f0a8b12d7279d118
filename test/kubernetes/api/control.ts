import { z } from 'zod';
import type { Api, Reply } from './api.ts';
import { fieldsOf } from './fields.ts';

const ENDING = z.strictObject({
  kind: z.string().optional(),
  how: z.enum(['CLOSE', 'RESET', 'EXPIRE']).default('CLOSE'),
});

type ControlReply = Exclude<Reply, { watch: unknown }>;

/** Paths by which a person disturbs the simulator, and sees what happened in it. */
export function control(
  api: Api,
  method: string,
  url: URL,
  text: string,
): ControlReply | undefined {
  if (!url.pathname.startsWith('/simulator/')) return undefined;
  try {
    return answer(api, `${method} ${url.pathname.slice('/simulator/'.length)}`, text);
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : 'unknown' } };
  }
}

function answer(api: Api, what: string, text: string): ControlReply {
  const body: unknown = text === '' ? {} : JSON.parse(text);
  switch (what) {
    case 'GET log':
      return { status: 200, body: { lines: api.log.lines() } };
    case 'POST faults':
      api.faults.add(body);
      return done();
    case 'DELETE faults':
      api.faults.clear();
      return done();
    case 'POST mishaps':
      api.mishaps.add(body);
      return done();
    case 'DELETE mishaps':
      api.mishaps.clear();
      return done();
    case 'POST watches/end': {
      const { kind, how } = ENDING.parse(body);
      api.watches.end(kind, how);
      return done();
    }
    case 'POST forget':
      api.store.forget();
      return done();
    case 'POST gone':
      api.goAway(z.strictObject({ ms: z.number().positive() }).parse(fieldsOf(body)).ms);
      return done();
    default:
      return { status: 404, body: { error: `there is no ${what} here` } };
  }
}

function done(): ControlReply {
  return { status: 200, body: { done: true } };
}
