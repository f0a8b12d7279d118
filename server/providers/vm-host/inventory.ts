import type { OutsideObject } from '../provider.ts';
import { listSetFolders } from './folders.ts';
import type { Host } from './host.ts';
import { readManifest } from './set-store.ts';
import { listRecords } from './vm-record.ts';

/** Everything there is: clusters and sets, those half-made too, of one installation or of all. */
export function inventory(host: Host, installation: string | undefined): OutsideObject[] {
  const { vms, sets } = { vms: listRecords(host.folders), sets: storedSets(host) };
  const found = [
    ...vms.map((record) => ({ of: record.installation, object: record.owner })),
    ...sets.map((set) => ({ of: set.installation, object: set.object })),
  ];
  const ours = found.filter(({ of }) => installation === undefined || of === installation);
  // A cluster of two VMs is one object, and so is a set with the VM it is captured from.
  const byId = new Map(ours.map(({ object }) => [`${object.kind} ${object.id}`, object]));
  return [...byId.values()];
}

function storedSets(host: Host) {
  return listSetFolders(host.folders)
    .map(readManifest)
    .filter((set) => set !== null);
}
