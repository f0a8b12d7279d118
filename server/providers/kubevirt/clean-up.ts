import { ProviderError, type Step } from '../provider.ts';
import { reasonOf } from './errors.ts';
import type { Host } from './host.ts';
import type { Machine } from './machines.ts';
import { nameOf } from './objects.ts';
import { within } from './within.ts';

/** What cleaning needs of a host. */
type Cleaner = Pick<Host, 'world' | 'settings' | 'log'> & {
  readonly guests: Pick<Host['guests'], 'run'>;
};

/** A command may take this long; one that hangs is a failure like any other. */
const COMMAND_MS = 60_000;

const KUBECTL = ['sudo', 'kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf'];
const LEFT_BY_TESTS = ['--all', '--namespace', 'default', '--ignore-not-found', '--wait=false'];

/**
 * What a cluster that was just set up need not hand on to those that are made from it. Keys, host
 * names and machine ids stay: they are what its certificates and nodes hold on to. What is done
 * with kubectl succeeds on a control plane only.
 */
function commandsFor(user: string): readonly (readonly string[])[] {
  const homes = ['/root', `/home/${user}`];
  return [
    ['sudo', 'journalctl', '--rotate', '--vacuum-time=1s'],
    [
      'sudo',
      'find',
      '/var/log',
      '-type',
      'f',
      '-name',
      '*.log',
      '-exec',
      'truncate',
      '-s',
      '0',
      '{}',
      '+',
    ],
    ['sudo', 'find', '/tmp', '-mindepth', '1', '-delete'],
    ['sudo', 'find', '/var/tmp', '-mindepth', '1', '-delete'],
    ['sudo', 'rm', '-f', ...homes.map((home) => `${home}/.bash_history`)],
    ['sudo', 'rm', '-rf', ...homes.map((home) => `${home}/.kube/cache`)],
    [...KUBECTL, 'delete', 'pods', ...LEFT_BY_TESTS],
    [...KUBECTL, 'delete', 'pvc', ...LEFT_BY_TESTS],
  ];
}

/** Cleans guests before they are captured. What does not succeed is logged, and nothing more. */
export async function cleanGuests(
  host: Cleaner,
  machines: readonly Pick<Machine, 'vm'>[],
  step: Step,
): Promise<void> {
  const commands = commandsFor(host.settings.sshUser);
  await Promise.all(
    machines.map(async (machine) => {
      for (const argv of commands) await tryCommand(host, machine, argv, step);
    }),
  );
}

async function tryCommand(
  host: Cleaner,
  { vm }: Pick<Machine, 'vm'>,
  argv: readonly string[],
  step: Step,
): Promise<void> {
  const name = nameOf(vm);
  const limit = { what: argv.join(' '), ms: COMMAND_MS, signal: step.signal };
  try {
    const { exitCode, stderr } = await within(host, limit, (signal) =>
      host.guests.run(name, argv, { signal }),
    );
    if (exitCode === 0) return;
    host.log(`cleaning ${name.name}: ${limit.what}: exit code ${exitCode}, ${stderr.trim()}`);
  } catch (error) {
    step.signal.throwIfAborted();
    if (!(error instanceof ProviderError)) throw error;
    host.log(`cleaning ${name.name}: ${limit.what}: ${reasonOf(error)}`);
  }
}
