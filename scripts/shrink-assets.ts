import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** Below this a file fits into a packet or two however it is written. */
const WORTHWHILE_BYTES = 1_024;

/** Leaves beside each file of a built page that shrinks its forms for browsers: .br and .gz. */
export function shrinkAssets(folder: string): void {
  for (const name of globSync('**/*.{html,js,css,svg,json,ttf}', { cwd: folder })) {
    const file = `${folder}/${name}`;
    if (statSync(file).size < WORTHWHILE_BYTES) continue;
    const content = readFileSync(file);
    const params = { [constants.BROTLI_PARAM_QUALITY]: 8 };
    writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
    writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  }
}
