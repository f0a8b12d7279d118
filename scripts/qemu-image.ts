/**
 * Builds the Linux image that QEMU pools start from, from Debian packages and without root:
 * `npm run qemu:image [folder]`. The folder is where the server looks for images.
 */
import { join, resolve } from 'node:path';
import { imageRef } from '../schema/model/image.ts';
import { BuildError } from '../server/providers/vm-host/image/build-error.ts';
import { buildBase } from '../server/providers/vm-host/image/build.ts';
import { realWorld } from '../server/world.ts';

const state = process.env['SNAPYARD_STATE'] ?? './data/vms';
const folder = resolve(process.argv[2] ?? join(state, 'images'));
const world = realWorld();

try {
  const started = world.elapsed();
  const image = await buildBase(world, folder);
  const seconds = ((world.elapsed() - started) / 1_000).toFixed(1);
  const linux = image.boot.kind === 'LAYERS' ? ` (Linux ${image.boot.kernelVersion})` : '';
  console.log(`${imageRef(image)} in ${image.folder}${linux} in ${seconds} s`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`qemu:image: ${error.message}`);
  process.exitCode = 1;
}
