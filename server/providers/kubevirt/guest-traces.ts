import type { VmRole } from '../../../schema/model/template.ts';
import { ProviderError, type Step } from '../provider.ts';
import { failed, reasonOf } from './errors.ts';
import { MARKS_FOLDER } from './guest-data/places.ts';
import { askCommand, listMarks } from './guest-questions.ts';
import type { Host } from './host.ts';
import type { Machine } from './machines.ts';
import { nameOf } from './objects.ts';
import { together } from './together.ts';

/** What guests are asked, and made to forget, before they are captured. */

/** Marks by the name of the VM they were in. */
export type MarksByVm = ReadonlyMap<string, readonly string[]>;

/** Where a step notes the marks that it took away from a machine. */
const markNote = (vm: string) => `kubevirt.marks.${vm}`;

const PUT_BACK = 'mkdir -p "$1" && cd "$1" && shift && touch -- "$@" && sync';

/**
 * Removes the turn marks: a set that held one would make every later reset look undone. Which they
 * were is kept before they go, and noted too, whatever happens in between.
 */
export async function forgetMarks(
  host: Host,
  machines: readonly Machine[],
  step: Step,
  kept: Map<string, readonly string[]>,
): Promise<void> {
  await together(
    step,
    machines.map(({ vm }) => async (by: Step) => {
      const { name } = nameOf(vm);
      const marks = await listMarks(host, { vm }, by.signal);
      if (marks.length > 0) {
        await step.note(markNote(name), marks.join(' '));
        kept.set(name, marks);
      }
      await obey(host, { vm }, ['sudo', 'rm', '-rf', MARKS_FOLDER], by);
      await obey(host, { vm }, ['sudo', 'sync'], by);
    }),
  );
}

/** The marks that a pass before this one took away. */
export function notedMarks({ notes }: Step): MarksByVm {
  const prefix = markNote('');
  const ours = [...notes].filter(([key]) => key.startsWith(prefix));
  return new Map(ours.map(([key, marks]) => [key.slice(prefix.length), marks.split(' ')]));
}

/**
 * Puts marks back: a cluster in use keeps the mark of its turn, by which its next reset is proven.
 */
export async function putMarksBack(
  host: Host,
  machines: readonly Machine[],
  marks: MarksByVm,
  step: Step,
): Promise<void> {
  await together(
    step,
    machines.map(({ vm }) => async (by: Step) => {
      const ofVm = marks.get(nameOf(vm).name) ?? [];
      if (ofVm.length === 0) return;
      await obey(host, { vm }, ['sudo', 'sh', '-c', PUT_BACK, 'sh', MARKS_FOLDER, ...ofVm], by);
    }),
  );
}

async function obey(
  host: Host,
  machine: Pick<Machine, 'vm'>,
  argv: readonly string[],
  { signal }: Step,
): Promise<void> {
  const { exitCode, stderr } = await askCommand(host, machine, argv, signal);
  if (exitCode === 0) return;
  const what = `the marks of ${nameOf(machine.vm).name}`;
  throw failed(`${what}: ${stderr.trim()}`);
}

/** Which Kubernetes each guest has; only told to people, so a guest may keep it to itself. */
export async function kubernetesVersions(
  host: Host,
  machines: readonly Machine[],
  step: Step,
): Promise<ReadonlyMap<VmRole, string>> {
  const found = await Promise.all(
    machines.map(async ({ role, vm }) => {
      try {
        const asked = await askCommand(host, { vm }, ['kubelet', '--version'], step.signal);
        return [role, /v\d+\.\d+\.\d+\S*/.exec(asked.stdout)?.[0]] as const;
      } catch (error) {
        if (step.signal.aborted || !(error instanceof ProviderError)) throw error;
        host.log(`${nameOf(vm).name} does not tell its version: ${reasonOf(error)}`);
        return [role, undefined] as const;
      }
    }),
  );
  return new Map(
    found.flatMap(([role, version]) => (version === undefined ? [] : [[role, version] as const])),
  );
}
