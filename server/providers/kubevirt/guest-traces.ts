import type { VmRole } from '../../../schema/model/template.ts';
import { ProviderError, type Step } from '../provider.ts';
import type { Machine } from './find-machines.ts';
import { MARKS_FOLDER } from './guest-data/places.ts';
import { askCommand } from './guest-questions.ts';
import type { Host } from './host.ts';
import { reasonOf } from './insist.ts';
import { nameOf } from './objects.ts';
import { together } from './together.ts';

/** What guests are asked, and made to forget, before they are captured. */

/** Removes the turn marks: a set that held one would make every later reset look undone. */
export async function forgetMarks(
  host: Host,
  machines: readonly Machine[],
  step: Step,
): Promise<void> {
  await together(
    step,
    machines.map(({ vm }) => async (by: Step) => {
      for (const argv of [
        ['sudo', 'rm', '-rf', MARKS_FOLDER],
        ['sudo', 'sync'],
      ]) {
        const { exitCode, stderr } = await askCommand(host, { vm }, argv, by.signal);
        if (exitCode === 0) continue;
        const what = `removing the marks of ${nameOf(vm).name}`;
        throw new ProviderError(`${what}: ${stderr.trim()}`, { retryable: true });
      }
    }),
  );
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
