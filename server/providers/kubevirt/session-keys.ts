import type { Step } from '../provider.ts';
import { failed } from './errors.ts';
import { askCommand } from './guest-questions.ts';
import type { Host } from './host.ts';
import type { Machine } from './machines.ts';
import { nameOf } from './objects.ts';
import { REPLACE, SHOW } from './session-key-scripts.ts';
import { together } from './together.ts';

/**
 * The keys of sessions in guests: at most one, a line of the login user's `authorized_keys` that
 * ends in a comment of ours, beside the key by which we ourselves log in. They are written and
 * taken away only by whoever has the cluster's turn.
 */

/** How our lines end: of whatever session, in whatever guest. */
const COMMENT = 'snapyard-session';

/** The lines that were in guests, by the names of their VMs. */
export type KeysByVm = ReadonlyMap<string, string>;

/** Where a step notes the lines that it took away from a machine; they are public halves. */
const keyNote = (vm: string) => `kubevirt.keys.${vm}`;

/** Lets the private half of this key in, and that of no other session. */
export async function letSessionIn(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  publicKey: string,
  signal: AbortSignal,
): Promise<void> {
  await replaceLines(host, machine, `${publicKey.split(' ', 2).join(' ')} ${COMMENT}\n`, signal);
}

/**
 * Takes the keys of sessions away: a set that held one would let that session in for ever. What
 * they were is kept, before they go.
 */
export async function forgetKeys(
  host: Host,
  machines: readonly Pick<Machine, 'vm'>[],
  step: Step,
  kept: Map<string, string>,
): Promise<void> {
  await together(
    step,
    machines.map((machine) => async (by: Step) => {
      const { name } = nameOf(machine.vm);
      const lines = await shownLines(host, machine, by.signal);
      if (lines === '') return;
      await by.note(keyNote(name), lines);
      kept.set(name, lines);
      await replaceLines(host, machine, '', by.signal);
    }),
  );
}

/** The keys that a pass before this one took away. */
export function notedKeys({ notes }: Step): KeysByVm {
  const prefix = keyNote('');
  const ours = [...notes].filter(([key]) => key.startsWith(prefix));
  return new Map(ours.map(([key, lines]) => [key.slice(prefix.length), lines]));
}

/**
 * Lets in again who was let in before: whoever uses a cluster goes on to. A key that is there has
 * been written since, and is the one that counts.
 */
export async function putKeysBack(
  host: Host,
  machines: readonly Pick<Machine, 'vm'>[],
  keys: KeysByVm,
  step: Step,
): Promise<void> {
  await together(
    step,
    machines.map((machine) => async ({ signal }: Step) => {
      const lines = keys.get(nameOf(machine.vm).name);
      if (lines !== undefined) await replaceLines(host, machine, lines, signal, ['keep']);
    }),
  );
}

async function shownLines(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  signal: AbortSignal,
): Promise<string> {
  const argv = ['sh', '-c', SHOW, 'sh', homeOf(host), COMMENT];
  const { exitCode, stdout, stderr } = await askCommand(host, machine, argv, signal);
  if (exitCode === 0) return stdout;
  throw failed(`the keys of ${nameOf(machine.vm).name}: ${stderr.trim()} (exit code ${exitCode})`);
}

async function replaceLines(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  lines: string,
  signal: AbortSignal,
  how: readonly 'keep'[] = [],
): Promise<void> {
  const argv = ['sh', '-c', REPLACE, 'sh', homeOf(host), COMMENT, ...how];
  const { exitCode, stderr } = await askCommand(host, machine, argv, signal, { stdin: lines });
  if (exitCode === 0) return;
  const what = `the keys of ${nameOf(machine.vm).name}`;
  throw failed(`${what}: ${stderr.trim()} (exit code ${exitCode})`);
}

function homeOf({ settings }: Pick<Host, 'settings'>): string {
  return `/home/${settings.sshUser}`;
}
