import { API_FAULTS } from './api-faults.ts';
import { foreignCluster, foreignRestore, quotaIn, unlabel } from './deeds-outside.ts';
import { befall, type Mishap, type Moment } from './mishap.ts';

const MAKES: readonly Moment[] = ['MAKING'];
const RESETS: readonly Moment[] = ['RESET'];
const CAPTURES: readonly Moment[] = ['CAPTURE', 'MAKING'];
const STARTS: readonly Moment[] = ['RESET', 'MAKING', 'CAPTURE'];

/** The control plane's machine is taken away by somebody. */
const deleteVm: Mishap['strike'] = ({ fleet: { kubernetes }, namespace }) => {
  const vm = kubernetes.objects.list('VirtualMachine', { namespace })[0];
  if (vm !== undefined) kubernetes.objects.remove(vm);
};

const deleteNamespace: Mishap['strike'] = ({ fleet: { kubernetes }, namespace }) => {
  const found = kubernetes.objects.get('Namespace', undefined, namespace);
  if (found !== undefined) kubernetes.objects.remove(found);
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
  { what: 'snapshots that fail', strike: befall('snapshot-fails'), at: CAPTURES, told: /napshot/ },
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
export const MISHAPS: readonly Mishap[] = [...API_FAULTS, ...STORAGE, ...MACHINES, ...PEOPLE];
