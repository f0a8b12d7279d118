/**
 * Builds dist/, or the folder that `--out` names: the server as plain JavaScript beside its
 * migrations, the dashboard, and the library that other front-ends import; with `--library` only
 * that.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'dist' }, library: { type: 'boolean' } },
});
const out = resolve(values.out);

rmSync(out, { recursive: true, force: true });
buildLibrary(join(out, 'library'));
if (values.library !== true) {
  compile('tsconfig.build.json', out);
  cpSync('db/migrations', join(out, 'db/migrations'), { recursive: true });
  // Whoever starts us may be a test runner; the page is always the one that people get.
  process.env['NODE_ENV'] = 'production';
  const { build } = await import('vite');
  await build({ build: { outDir: join(out, 'client') } });
}

function buildLibrary(folder: string): void {
  compile('tsconfig.library.json', folder);
  // The compiler leaves the names of the sources in the types it writes.
  for (const path of globSync('**/*.d.ts', { cwd: folder })) {
    const file = join(folder, path);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/(from '\.[^']*)\.ts'/g, "$1.js'"));
  }
}

function compile(project: string, folder: string): void {
  execFileSync('tsc', ['-p', project, '--outDir', folder], { stdio: 'inherit' });
}
