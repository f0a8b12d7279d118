/** A control plane that captures a VM in use, and stops dead while the VM stands still for it. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { microRef, microSet, qemuOn } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const [folder = '', name = '', set = ''] = process.argv.slice(2);
const really = fs.createWriteStream;
fs.createWriteStream = (path, options) => {
  if (!String(path).endsWith('.stream')) return really(path, options);
  fs.writeSync(1, 'the VM stands still\n');
  // Nothing of this process goes on, until it is killed.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  return process.exit(1);
};
syncBuiltinESMExports();

const provider = await qemuOn(folder);
const source = { kind: 'CLUSTER', cluster: microRef(name), inUse: true } as const;
await provider.ensureSet(source, microSet(Number(set)), 'ONLINE', stepOf(2));
