import type { RoleSpec } from '../../../../schema/model/template.ts';
import type { Step } from '../../provider.ts';
import type { Folders } from '../folders.ts';
import type { Host } from '../host.ts';
import type { Hypervisor } from '../hypervisor.ts';
import { Links } from '../links.ts';
import { bootVm } from '../make-vm.ts';
import { removeVm } from '../running-vm.ts';
import { uuidFrom } from '../uuid.ts';
import { newRecord, readRecord } from '../vm-record.ts';
import { BuildError } from './build-error.ts';
import { type BuildGuest, listFiles, nextSecond, runIn, takeChanges } from './guest-files.ts';
import type { Changes } from './layer.ts';

const WORDS = 300;

/** A guest in which steps are run: roomy, for it lives for moments. */
const SPEC: RoleSpec = {
  role: 'STANDALONE',
  image: null,
  cpuCores: 1,
  memoryMiB: 512,
  diskGiB: null,
};

/** What a guest for building is started with. */
export type StepsHost = Pick<Host, 'world' | 'settings' | 'log'> & {
  readonly hypervisor: Hypervisor;
  /** Where it lives. */
  readonly folders: Folders;
};

/**
 * Starts a guest of an image, runs commands in it one after the other, and answers what they
 * changed. One that fails ends it, with its number and its last words.
 */
export async function runSteps(
  base: StepsHost,
  image: { readonly imagesDir: string; readonly reference: string },
  steps: readonly (readonly string[])[],
  step: Step,
): Promise<Changes> {
  const { world, settings, hypervisor, folders } = base;
  const links = new Links(world, settings, hypervisor, folders, () => undefined);
  const host: Host = { ...base, imagesDir: image.imagesDir, links };
  const record = newRecord({
    installation: step.installation,
    fence: step.fence,
    owner: { kind: 'SET', id: 'build', name: image.reference, poolId: '' },
    role: SPEC.role,
    name: 'build',
    uuid: uuidFrom(world.secret(16)),
    setId: null,
    origin: 'COLD_BOOT',
    machineId: '',
  });
  const quiet: Step = { ...step, progress: () => undefined };
  const spec = { ...SPEC, image: image.reference };
  try {
    const vm = await bootVm(host, record, spec, { memory: { kind: 'ANONYMOUS' } }, quiet);
    return await workIn({ agent: vm.link.agent, signal: step.signal }, steps, step);
  } finally {
    const left = readRecord(folders, record.name);
    if (left !== null) await removeVm(host, left);
    await links.close();
  }
}

async function workIn(
  guest: BuildGuest,
  steps: readonly (readonly string[])[],
  step: Step,
): Promise<Changes> {
  const before = await listFiles(guest);
  await nextSecond(guest);
  for (const [index, argv] of steps.entries()) {
    const name = `step ${index + 1}: ${argv.join(' ').slice(0, 80)}`;
    step.progress(name);
    const { exitCode, stdout, stderr } = await runIn(guest, argv);
    if (exitCode === 0) continue;
    const said = (stderr.trim() === '' ? stdout : stderr).trim().slice(-WORDS);
    throw new BuildError(`${name} ended with ${exitCode}: ${said === '' ? 'no words' : said}`);
  }
  step.progress('take changes');
  return takeChanges(guest, before);
}
