import { HOUR, MINUTE } from '../kit/pool-under-test.ts';
import { api, type Mishap, type Moment } from './mishap.ts';

const WORK: readonly Moment[] = ['RESET', 'MAKING', 'CAPTURE'];
const MAKES: readonly Moment[] = ['MAKING'];
const RESETS: readonly Moment[] = ['RESET'];
const CAPTURES: readonly Moment[] = ['CAPTURE', 'MAKING'];

const revoke: Mishap['strike'] = ({ fleet: { kubernetes } }) => {
  const known = [...kubernetes.tokens];
  kubernetes.tokens.clear();
  kubernetes.tokens.add('nobody');
  return () => {
    for (const token of known) kubernetes.tokens.add(token);
    kubernetes.tokens.delete('nobody');
  };
};

/** What the API server may do wrong. */
export const API_FAULTS: readonly Mishap[] = [
  {
    what: 'watches that are reset again and again',
    strike: ({ fleet: { kubernetes, world } }) => {
      let cancel = () => {};
      const tear = () => {
        kubernetes.watches.end(undefined, 'RESET');
        cancel = world.after(7_000, tear);
      };
      tear();
      return () => cancel();
    },
    passes: true,
  },
  {
    what: 'watches that end at once, as if all were well',
    strike: ({ fleet: { kubernetes, world } }) => {
      let cancel = () => {};
      const close = () => {
        kubernetes.watches.end(undefined, 'CLOSE');
        cancel = world.after(3_000, close);
      };
      close();
      return () => cancel();
    },
    passes: true,
  },
  {
    what: 'watches that say nothing',
    strike: (place) => {
      const undo = api({ verb: 'watch', does: 'SILENT' })(place);
      place.fleet.kubernetes.watches.end(undefined, 'CLOSE');
      return undo;
    },
    passes: true,
  },
  {
    what: 'watches that expire by an event',
    strike: ({ fleet: { kubernetes, world } }) => {
      let cancel = () => {};
      const expire = () => {
        kubernetes.forgetHistory();
        kubernetes.watches.end(undefined, 'EXPIRE');
        cancel = world.after(11_000, expire);
      };
      expire();
      return () => cancel();
    },
    passes: true,
  },
  {
    what: 'watches that expire by a status',
    strike: (place) => {
      place.fleet.kubernetes.watches.end(undefined, 'CLOSE');
      return api({ verb: 'watch', does: 'EXPIRE', chance: 0.7 })(place);
    },
    passes: true,
  },
  {
    what: 'lists whose pages expire',
    strike: api({ verb: 'list', does: 'EXPIRE', chance: 0.5 }),
    lastsMs: 5 * MINUTE,
    passes: true,
  },
  {
    what: 'being told to come back in a while',
    strike: api({ does: 'ANSWER', status: 429, retryAfterSeconds: 5, chance: 0.5 }),
    lastsMs: 5 * MINUTE,
    passes: true,
  },
  {
    what: 'being told to come back in ten minutes',
    strike: api({ does: 'ANSWER', status: 429, retryAfterSeconds: 600 }),
    lastsMs: 20 * MINUTE,
    told: /429|too many requests/i,
  },
  {
    what: 'a storm of errors for a minute',
    strike: api({ does: 'ANSWER', status: 500 }),
    lastsMs: MINUTE,
    passes: true,
  },
  {
    what: 'every second answer an error for ten minutes',
    strike: api({ does: 'ANSWER', status: 500, chance: 0.5 }),
    lastsMs: 10 * MINUTE,
    passes: true,
  },
  {
    what: 'answers that are lost after their effect',
    strike: api({ does: 'RESET', when: 'AFTER', chance: 0.4 }),
    lastsMs: 3 * MINUTE,
    passes: true,
  },
  {
    what: 'webhooks that do not answer',
    strike: api({ verb: 'create', kind: 'VirtualMachine*', does: 'WEBHOOK_DOWN' }),
    lastsMs: HOUR,
    told: /failed calling webhook/,
    at: WORK,
  },
  {
    what: 'webhooks that do not answer for a minute',
    strike: api({ verb: '*', kind: 'VirtualMachine*', does: 'WEBHOOK_DOWN' }),
    lastsMs: MINUTE,
    passes: true,
  },
  {
    what: 'an API server that is gone for a minute',
    strike: ({ fleet }) => fleet.kubernetes.goAway(MINUTE),
    afterMs: 2_000,
    passes: true,
  },
  {
    what: 'an API server that is gone for ten minutes',
    strike: ({ fleet }) => fleet.kubernetes.goAway(10 * MINUTE),
    afterMs: 5_000,
    told: /vain|could not|refused|reset|hang up/i,
  },
  {
    what: 'a token that is refused for twenty minutes',
    strike: revoke,
    afterMs: 3_000,
    lastsMs: 20 * MINUTE,
    told: /401|Unauthorized/,
  },
  {
    what: 'no right to make restores',
    strike: api({ verb: 'create', kind: 'VirtualMachineRestore', does: 'ANSWER', status: 403 }),
    told: /restor.*forbidden \(403\)/i,
    at: RESETS,
  },
  {
    what: 'no right to make snapshots',
    strike: api({ verb: 'create', kind: 'VirtualMachineSnapshot', does: 'ANSWER', status: 403 }),
    told: /snapshot.*forbidden \(403\)/i,
    at: CAPTURES,
  },
  {
    what: 'no right to make namespaces',
    strike: api({ verb: 'create', kind: 'Namespace', does: 'ANSWER', status: 403 }),
    told: /namespace.*forbidden \(403\)/i,
    at: MAKES,
  },
  {
    what: 'no right to read Events and to watch',
    strike: api({ verb: 'list', kind: 'Event', does: 'ANSWER', status: 403 }),
    passes: true,
  },
  {
    what: 'no right to read VMs',
    strike: api({ kind: 'VirtualMachine', does: 'ANSWER', status: 403 }),
    told: /forbidden \(403\)/i,
    at: WORK,
  },
  {
    what: 'requests that are never answered',
    strike: api({ does: 'HANG', chance: 0.3 }),
    lastsMs: 5 * MINUTE,
    passes: true,
  },
  {
    what: 'nothing that is ever answered for half an hour',
    strike: api({ does: 'HANG' }),
    lastsMs: 30 * MINUTE,
    told: /answer/,
  },
];
