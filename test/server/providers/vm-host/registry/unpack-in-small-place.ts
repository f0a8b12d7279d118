// Run in a mount namespace of its own, where the target is a tiny file system in memory.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ProviderError } from '../../../../../server/providers/provider.ts';
import { unpackBundle } from '../../../../../server/providers/vm-host/registry/unpack.ts';
import { realWorld } from '../../../../../server/world.ts';

const [layout = '', digest = '', place = ''] = process.argv.slice(2);
const limits = { architecture: 'amd64', compressedBytes: 2 ** 30, rawBytes: 2 ** 30 };
const task = { world: realWorld(), signal: new AbortController().signal };
const outcome = await unpackBundle(layout, digest, join(place, 'image'), limits, task).then(
  () => 'it fits',
  (error: unknown) => (error instanceof ProviderError ? error.reason : String(error)),
);
console.log(JSON.stringify({ outcome, left: readdirSync(place) }));
