import type { Step } from '../provider.ts';
import { failed } from './errors.ts';
import { askCommand } from './guest-questions.ts';
import type { Host } from './host.ts';
import type { Machine } from './machines.ts';
import { nameOf } from './objects.ts';

/**
 * The keys of sessions in guests: at most one, a line of the login user's `authorized_keys` that
 * ends in a comment of ours, beside the key by which we ourselves log in.
 */

/** How our lines end: of whatever session, in whatever guest. */
const COMMENT = 'snapyard-session';

/**
 * Puts what comes in by stdin in the place of our lines. The file is replaced whole and only when
 * the new one is on the disk: half a file would keep us out too.
 */
const REPLACE = [
  'umask 077',
  'dir=$1/.ssh',
  'keys=$dir/authorized_keys',
  'mkdir -p "$dir" && touch "$keys" || exit 1',
  'grep -v " $2\\$" "$keys" > "$keys.new"',
  '[ $? -le 1 ] && cat >> "$keys.new" && sync "$keys.new" && mv "$keys.new" "$keys"',
].join('\n');

const SHOW = 'grep " $2\\$" "$1/.ssh/authorized_keys"; [ $? -le 2 ]';

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

/** Takes the keys of sessions away: a set that held one would let that session in for ever. */
export async function forgetKeys(
  host: Host,
  machines: readonly Pick<Machine, 'vm'>[],
  step: Step,
): Promise<KeysByVm> {
  const forgotten = await Promise.all(
    machines.map(async (machine) => {
      const { name } = nameOf(machine.vm);
      const argv = ['sh', '-c', SHOW, 'sh', homeOf(host), COMMENT];
      const { stdout } = await askCommand(host, machine, argv, step.signal);
      if (stdout === '') return [];
      await step.note(keyNote(name), stdout);
      await replaceLines(host, machine, '', step.signal);
      return [[name, stdout] as const];
    }),
  );
  return new Map(forgotten.flat());
}

/** The keys that a pass before this one took away. */
export function notedKeys({ notes }: Step): KeysByVm {
  const prefix = keyNote('');
  const ours = [...notes].filter(([key]) => key.startsWith(prefix));
  return new Map(ours.map(([key, lines]) => [key.slice(prefix.length), lines]));
}

/** Lets in again who was let in before: whoever uses a cluster goes on to. */
export async function putKeysBack(
  host: Host,
  machines: readonly Pick<Machine, 'vm'>[],
  keys: KeysByVm,
  step: Step,
): Promise<void> {
  await Promise.all(
    machines.map(async (machine) => {
      const lines = keys.get(nameOf(machine.vm).name);
      if (lines !== undefined) await replaceLines(host, machine, lines, step.signal);
    }),
  );
}

async function replaceLines(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  lines: string,
  signal: AbortSignal,
): Promise<void> {
  const argv = ['sh', '-c', REPLACE, 'sh', homeOf(host), COMMENT];
  const { exitCode, stderr } = await askCommand(host, machine, argv, signal, { stdin: lines });
  if (exitCode === 0) return;
  const what = `the keys of ${nameOf(machine.vm).name}`;
  throw failed(`${what}: ${stderr.trim()} (exit code ${exitCode})`);
}

function homeOf({ settings }: Pick<Host, 'settings'>): string {
  return `/home/${settings.sshUser}`;
}
