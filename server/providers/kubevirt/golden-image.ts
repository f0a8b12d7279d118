import { createHash } from 'node:crypto';
import type { Step, VmSpec } from '../provider.ts';
import { about, ensureObject } from './calls.ts';
import { failed, lastWarnings, refused } from './errors.ts';
import { untilGone } from './discard.ts';
import type { Host } from './host.ts';
import type { ObjectName } from './kubernetes.ts';
import { removeOne } from './leftovers.ts';
import { dataVolumeManifest, type DiskSource } from './manifests.ts';
import { LABEL, TEMPLATES_NAMESPACE } from './names.ts';
import { CLAIMS, conditionOf, DATA_VOLUMES, isLeaving, type DataVolume } from './objects.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

const CLAIM = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)\/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)$/;
const ADDRESS = /^(https?|docker):\/\/\S+$/;

/** The size of a disk whose template says none; imports need one. */
const USUAL_GIB = 10;

/**
 * What a VM's disk is copied from: a claim that must be there, or the import of an address, which
 * is made once for each address and size and then stays.
 */
export async function ensureGoldenImage(
  host: Host,
  spec: Pick<VmSpec, 'image' | 'diskGiB'>,
  step: Step,
): Promise<DiskSource> {
  const image = spec.image ?? host.settings.image;
  if (ADDRESS.test(image)) return ensureImport(host, image, spec.diskGiB ?? USUAL_GIB, step);
  const [, namespace, , name] = CLAIM.exec(image) ?? [];
  if (namespace === undefined || name === undefined) {
    const reason = `"${image}" is no image: it must be namespace/name of a claim, or an address`;
    throw refused(reason);
  }
  const of = { namespace, name };
  const read = () =>
    about(host, of, `reading the golden image ${image}`, step.signal, () =>
      host.kubernetes.get(CLAIMS, of, step.signal),
    );
  const claim = await read();
  if (claim !== undefined && !isLeaving(claim)) return { pvc: of };
  const none = `there is no golden image: no claim ${image}`;
  if (claim === undefined) throw refused(none);
  // Whoever deletes an image may be about to put another in its place.
  await untilGone(host, CLAIMS, claim, step);
  if ((await read()) !== undefined) return { pvc: of };
  throw failed(none);
}

async function ensureImport(
  host: Host,
  image: string,
  sizeGiB: number,
  step: Step,
): Promise<DiskSource> {
  const digest = createHash('sha256').update(`${image} ${sizeGiB}`).digest('hex');
  const of = { namespace: TEMPLATES_NAMESPACE, name: `image-${digest.slice(0, 16)}` };
  // Of no installation: whoever imports the same address shares what it brings.
  const labels = { [LABEL.snapshots]: 'true' };
  const source = image.startsWith('docker:')
    ? { registry: { url: image } }
    : { http: { url: image } };
  const { storageClass } = host.settings;
  const manifest = dataVolumeManifest({ ...of, labels, source, sizeGiB, storageClass });
  await clearImport(host, of, step);
  let last: DataVolume | undefined;
  const wait = {
    what: `the import of ${image}`,
    signal: step.signal,
    deadline: endOf(host, step),
    detail: () => last && stateOf(last),
  };
  const view = host.kubernetes.view(DATA_VOLUMES, { labels });
  await until(host, [view], wait, async () => {
    last = await ensureObject(host, DATA_VOLUMES, manifest, step.signal);
    if (isLeaving(last)) return undefined;
    if (last.status?.phase === 'Succeeded') return true;
    if (last.status?.phase !== 'Failed') return undefined;
    const warnings = await lastWarnings(host.kubernetes, of, step.signal);
    const why = [stateOf(last), ...warnings].join('; ');
    throw failed(`importing ${image} failed: ${why}`);
  });
  return { pvc: of };
}

/** Takes away an import that has failed for good, and waits for one that is being deleted. */
async function clearImport(host: Host, of: ObjectName, step: Step): Promise<void> {
  const { kubernetes } = host;
  const what = `looking at the import ${of.name}`;
  const volume = await about(host, of, what, step.signal, () =>
    kubernetes.get(DATA_VOLUMES, of, step.signal),
  );
  if (volume === undefined) return;
  if (!isLeaving(volume)) {
    if (volume.status?.phase !== 'Failed') return;
    step.progress('importing the image anew');
    await removeOne(host, DATA_VOLUMES, volume, step);
  }
  await untilGone(host, DATA_VOLUMES, volume, step);
  // Its claim goes after it: as long as it is there, another would get what it holds.
  const claim = await about(host, of, what, step.signal, () =>
    kubernetes.get(CLAIMS, of, step.signal),
  );
  const isOfIt = claim?.metadata.ownerReferences?.some(({ uid }) => uid === volume.metadata.uid);
  if (claim !== undefined && isOfIt) await untilGone(host, CLAIMS, claim, step);
}

function stateOf({ status }: DataVolume): string {
  const running = conditionOf(status, 'Running');
  const said = [running?.reason, running?.message].filter((text) => text);
  return [`${status?.phase ?? 'Pending'} at ${status?.progress ?? 'N/A'}`, ...said].join(', ');
}
