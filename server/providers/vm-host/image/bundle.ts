import { join } from 'node:path';
import { z } from 'zod';
import { VM_ROLES } from '../../../../schema/model/template.ts';
import { ProviderError } from '../../provider.ts';
import {
  type Image,
  type ImageFile,
  type ImageManifest,
  bootFiles,
  parseImageManifest,
} from '../image-manifest.ts';
import type { BundleFile } from '../registry/bundle.ts';
import type { BundleContent } from '../registry/pack.ts';
import { type StoredSnapshot, snapshotFiles } from '../set-store.ts';
import { digestOfBoot } from './version-folder.ts';

const storedFile = z.strictObject({ bytes: z.int().min(0), sha256: z.string() });
const prebuilt = z.strictObject({
  role: z.enum(VM_ROLES),
  machine: z.string(),
  memory: storedFile,
  devices: storedFile,
});

const content = z.strictObject({
  kind: z.literal('snapyard-image'),
  image: z.unknown(),
  snapshots: z.array(prebuilt).max(4),
});

/** Snapshots that travel with an image, and the folder of the set in which they are. */
export interface Captured {
  readonly folder: string;
  readonly snapshots: readonly StoredSnapshot[];
}

/** What an image is as a bundle: its files, and the memory snapshots that were taken of it. */
export function bundleOf(image: Image, captured?: Captured): BundleContent {
  const { folder, madeFor: _, ...manifest } = image;
  const own = bootFiles(image.boot).map(({ name }) => ({ name, path: join(folder, name) }));
  const snapshots = captured?.snapshots ?? [];
  if (snapshots.some(({ fittings }) => fittings !== undefined)) {
    const reason = 'A snapshot with a disk is not published; publish its image alone';
    throw new ProviderError(reason, { retryable: false });
  }
  const states = snapshots.flatMap(({ role }) => {
    const { memory, devices } = snapshotFiles(captured?.folder ?? '', role);
    const stem = role.toLowerCase();
    return [
      { name: `${stem}.ram`, path: memory },
      { name: `${stem}.state`, path: devices },
    ];
  });
  // Times and sizes on this disk are no part of what it is.
  const plain = { ...manifest, createdAt: 0, sizeBytes: 0, compressedBytes: null };
  const described = { kind: 'snapyard-image', image: plain, snapshots };
  return {
    architecture: image.arch,
    manifest: z.record(z.string(), z.json()).parse(described),
    files: [...own, ...states],
  };
}

/** An image as it was fetched. */
export interface FetchedImage {
  readonly manifest: ImageManifest;
  readonly snapshots: readonly StoredSnapshot[];
}

/** Reads what a bundle says of the image in it, and compares that with the files that came. */
export function imageOf(bundle: {
  readonly manifest: unknown;
  readonly files: readonly BundleFile[];
}): FetchedImage {
  const read = content.safeParse(bundle.manifest).data;
  const manifest = parseImageManifest(read?.image);
  if (read === undefined || manifest === null) throw notAnImage('its description is none of ours');
  const wanted = [
    ...bootFiles(manifest.boot),
    ...read.snapshots.flatMap(({ role, memory, devices }): ImageFile[] => [
      { ...memory, name: `${role.toLowerCase()}.ram` },
      { ...devices, name: `${role.toLowerCase()}.state` },
    ]),
  ];
  for (const { name, bytes, sha256 } of wanted) {
    const came = bundle.files.find((file) => file.name === name);
    const isSame = came?.size === bytes && came.digest === `sha256:${sha256}`;
    if (!isSame) throw notAnImage(`${name} is not what is described`);
  }
  if (digestOfBoot(manifest.boot, manifest.arch) !== manifest.digest) {
    throw notAnImage('its digest is not that of its files');
  }
  return { manifest, snapshots: read.snapshots };
}

function notAnImage(what: string): ProviderError {
  return new ProviderError(`The bundle is no image of ours: ${what}`, { retryable: false });
}
