import type { Fleet } from '../kit/fleet.ts';
import { HOUR, MINUTE } from '../kit/pool-under-test.ts';
import type { Fault } from '../kubernetes/api/faults.ts';
import { foreignRestore, foreignCluster, quotaIn, unlabel } from './deeds-outside.ts';

/** When a fault strikes. */
export type Moment = 'MAKING' | 'CAPTURE' | 'RESET' | 'HELD';

/** All moments at which a fault may strike. */
export const MOMENTS: readonly Moment[] = ['RESET', 'MAKING', 'CAPTURE', 'HELD'];

/** Where a fault strikes: the cluster that is worked at, as it is now. */
export interface Place {
  readonly fleet: Fleet;
  readonly namespace: string;
}

/** Something that goes wrong outside. */
export interface Mishap {
  readonly what: string;
  /** Lets it begin; what it answers makes it end. */
  readonly strike: (place: Place) => (() => void) | void;
  /** Not at the beginning of the work but so long after it. */
  readonly afterMs?: number;
  /** How long it lasts; without, until the work has ended one way or the other. */
  readonly lastsMs?: number;
  /** The moments at which it means anything. */
  readonly at?: readonly Moment[];
  /** What people must read of it, at those moments at which it keeps the work from going well. */
  readonly told?: RegExp;
  /** Whether the work ends well in spite of it, within the time that a repetition takes. */
  readonly passes?: boolean;
  /** How long the work may take to end in one way or the other. */
  readonly withinMs?: number;
}

const WORK: readonly Moment[] = ['RESET', 'MAKING', 'CAPTURE'];
const MAKES: readonly Moment[] = ['MAKING'];
const RESETS: readonly Moment[] = ['RESET'];
const CAPTURES: readonly Moment[] = ['CAPTURE', 'MAKING'];
const STARTS: readonly Moment[] = ['RESET', 'MAKING', 'CAPTURE'];

/** The API server misbehaves in the answers to these requests. */
function api(fault: Fault): Mishap['strike'] {
  return ({ fleet }) => fleet.kubernetes.faults.add({ times: 0, ...fault });
}

/** Something befalls objects inside; each of them, or so many. */
function befall(name: string, times = 0, object = '*'): Mishap['strike'] {
  return ({ fleet }) => fleet.kubernetes.mishaps.add({ name, object, times });
}

/** The control plane's machine is taken away by somebody. */
const deleteVm: Mishap['strike'] = ({ fleet: { kubernetes }, namespace }) => {
  const vm = kubernetes.objects.list('VirtualMachine', { namespace })[0];
  if (vm !== undefined) kubernetes.objects.remove(vm);
};

const deleteNamespace: Mishap['strike'] = ({ fleet: { kubernetes }, namespace }) => {
  const found = kubernetes.objects.get('Namespace', undefined, namespace);
  if (found !== undefined) kubernetes.objects.remove(found);
};

const revoke: Mishap['strike'] = ({ fleet: { kubernetes } }) => {
  const known = [...kubernetes.tokens];
  kubernetes.tokens.clear();
  kubernetes.tokens.add('nobody');
  return () => {
    for (const token of known) kubernetes.tokens.add(token);
    kubernetes.tokens.delete('nobody');
  };
};

const loseGolden: Mishap['strike'] = ({ fleet }) => {
  const { objects } = fleet.kubernetes;
  const name = 'new-golden-image-1-33-0';
  const golden = objects.get('PersistentVolumeClaim', 'vm-templates', name);
  const missing = fleet.kubernetes.faults.add({
    kind: 'PersistentVolumeClaim',
    name,
    verb: 'get',
    does: 'ANSWER',
    status: 404,
    times: 0,
  });
  return golden === undefined ? undefined : missing;
};

/** What the API server may do wrong. */
const API: readonly Mishap[] = [
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

/** What snapshots, restores and claims may do wrong. */
const STORAGE: readonly Mishap[] = [
  {
    what: 'a snapshot that never gets ready',
    strike: befall('snapshot-never-ready', 1),
    at: CAPTURES,
  },
  {
    what: 'snapshots that never get ready',
    strike: befall('snapshot-never-ready'),
    at: CAPTURES,
    told: /cp-|wk-|snapshot/,
  },
  { what: 'snapshots that fail', strike: befall('snapshot-fails'), at: CAPTURES, told: /snapshot/ },
  { what: 'a snapshot that fails', strike: befall('snapshot-fails', 1), at: CAPTURES },
  {
    what: 'a disk that snapshots leave out',
    strike: befall('excluded-disk'),
    at: CAPTURES,
    told: /rootdisk/,
  },
  { what: 'freezing that fails', strike: befall('freeze-fails'), at: CAPTURES },
  { what: 'quiescing that takes too long', strike: befall('quiesce-times-out'), at: CAPTURES },
  {
    what: 'a restore that neither completes nor fails',
    strike: befall('restore-hangs', 1),
    at: RESETS,
    passes: true,
  },
  {
    what: 'restores that neither complete nor fail',
    strike: befall('restore-hangs'),
    at: RESETS,
    told: /to be restored/,
  },
  {
    what: 'restores that only give a reason',
    strike: befall('restore-error-reason'),
    at: RESETS,
    told: /to be restored: ./,
  },
  {
    what: 'restores that fail',
    strike: befall('restore-fails'),
    at: RESETS,
    told: /restore of cp-.* failed: ./,
  },
  { what: 'a restore that fails', strike: befall('restore-fails', 1), at: RESETS, passes: true },
  { what: "somebody else's restore", strike: foreignRestore, at: RESETS, passes: true },
  {
    what: 'claims that stay pending',
    strike: befall('claim-pending'),
    at: ['RESET', 'MAKING'],
    told: /rootdisk|claim|disk|restored/i,
  },
  {
    what: 'a claim that stays pending',
    strike: befall('claim-pending', 1),
    at: ['RESET', 'MAKING'],
  },
  { what: 'copies that hang', strike: befall('clone-hangs'), at: MAKES, told: /rootdisk/ },
  { what: 'a copy that hangs', strike: befall('clone-hangs', 1), at: MAKES },
  { what: 'copies by the host', strike: befall('host-copy'), at: MAKES },
  { what: 'no golden image', strike: loseGolden, at: MAKES, told: /new-golden-image-1-33-0/ },
  {
    what: 'a quota that is full',
    strike: (place) => quotaIn(place, { 'requests.storage': '1Gi' }),
    at: ['RESET'],
  },
];

/** What machines and guests may do wrong. */
const MACHINES: readonly Mishap[] = [
  {
    what: 'a start that is refused as if it ran',
    strike: befall('start-refused-409', 1),
    at: STARTS,
    passes: true,
  },
  {
    what: 'starts that are refused as if they ran',
    strike: befall('start-refused-409'),
    at: ['RESET', 'CAPTURE'],
    told: /cp-|wk-/,
  },
  {
    what: 'a start that is refused with an error',
    strike: befall('start-refused-500', 1),
    at: STARTS,
    passes: true,
  },
  {
    what: 'starts that are refused with an error',
    strike: befall('start-refused-500'),
    at: ['RESET', 'CAPTURE'],
    told: /start/,
  },
  { what: 'a stop that hangs', strike: befall('stop-hangs', 1), at: STARTS },
  {
    what: 'stops that hang',
    strike: befall('stop-hangs'),
    at: ['RESET', 'CAPTURE'],
    told: /stop/,
  },
  { what: 'a VM that never starts', strike: befall('vm-never-starts', 1), at: STARTS },
  {
    what: 'VMs that never start',
    strike: befall('vm-never-starts'),
    at: STARTS,
    told: /(cp|wk)-.*(Starting|Scheduled|not|silent)/,
  },
  {
    what: 'no room on any node',
    strike: befall('unschedulable'),
    at: STARTS,
    told: /ErrorUnschedulable|nodes are available/,
  },
  {
    what: 'a launcher whose image cannot be pulled',
    strike: befall('image-pull'),
    at: STARTS,
    told: /Image|Pull/,
  },
  {
    what: 'machines that crash again and again',
    strike: befall('crash-loop'),
    at: STARTS,
    told: /(cp|wk)-/,
  },
  { what: 'a machine that crashes once', strike: befall('crash-loop', 1), at: STARTS },
  { what: 'kubeadm that fails', strike: befall('kubeadm-fails'), at: MAKES, told: /kubeadm/ },
  { what: 'kubeadm that fails once', strike: befall('kubeadm-fails', 1), at: MAKES },
  { what: 'a join that fails', strike: befall('join-fails'), at: MAKES, told: /join/ },
  {
    what: 'nodes that do not get ready',
    strike: befall('node-not-ready'),
    at: STARTS,
    told: /node|NotReady/i,
  },
  { what: 'guests that say nothing', strike: befall('guest-silent'), at: STARTS, told: /(cp|wk)-/ },
  { what: 'a guest that says nothing once', strike: befall('guest-silent', 1), at: STARTS },
  { what: 'guests that refuse SSH', strike: befall('ssh-refused'), at: STARTS, told: /(cp|wk)-/ },
  { what: 'guests that boot slowly', strike: befall('slow-boot'), at: STARTS, passes: true },
  { what: 'an instance that is lost', strike: befall('vmi-lost', 1), afterMs: 30_000 },
];

/** What people and other programs may do. */
const PEOPLE: readonly Mishap[] = [
  { what: 'a VM that is deleted at the beginning', strike: deleteVm, afterMs: 1_000 },
  { what: 'a VM that is deleted in the middle', strike: deleteVm, afterMs: 25_000 },
  { what: 'a VM that is deleted towards the end', strike: deleteVm, afterMs: 50_000 },
  { what: 'a namespace that is deleted', strike: deleteNamespace, afterMs: 5_000 },
  { what: 'a namespace that is deleted later', strike: deleteNamespace, afterMs: 40_000 },
  {
    what: "another installation's cluster of that name",
    strike: foreignCluster,
    at: MAKES,
    told: /does not belong to this installation/,
  },
  { what: 'a VM that loses its labels', strike: unlabel, at: ['RESET', 'CAPTURE', 'HELD'] },
];

/** All of them. */
export const MISHAPS: readonly Mishap[] = [...API, ...STORAGE, ...MACHINES, ...PEOPLE];
