/** Checks the import rules: `npm run imports`. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import rules from '../.dependency-cruiser.js';

/** The source files of the working tree: tracked, or new and not ignored. */
export function listSources(root: string): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const folders = ['schema', 'db', 'server', 'client', 'test', 'scripts', 'bench', 'bin'];
  const listed = execFileSync('git', [...args, '--', ...folders], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((path) => /\.(ts|tsx|js)$/.test(path) && existsSync(`${root}/${path}`))
    .toSorted();
}

/** What the import rules say about these files, and how many modules were really read. */
export async function checkImports(root: string, files: readonly string[]): Promise<ImportReport> {
  const options = { ...rules.options, baseDir: root, validate: true, ruleSet: rules };
  const { output } = await cruise([...files], options as Parameters<typeof cruise>[1]);
  const result = output as ICruiseResult;
  const listed = new Set(files);
  const read = result.modules.filter((module) => listed.has(module.source));
  return {
    read: read.map((module) => module.source),
    edges: read.reduce((count, module) => count + module.dependencies.length, 0),
    violations: result.summary.violations.map(({ rule, from, to }) => ({
      rule: rule.name,
      from,
      to,
    })),
  };
}

/** The outcome of {@link checkImports}. */
export interface ImportReport {
  read: string[];
  edges: number;
  violations: { rule: string; from: string; to: string }[];
}

async function main(): Promise<void> {
  const files = listSources(process.cwd());
  const report = await checkImports(process.cwd(), files);
  const unread = files.filter((file) => !report.read.includes(file));
  for (const { rule, from, to } of report.violations) console.error(`${rule}: ${from} -> ${to}`);
  for (const file of unread) console.error(`not read: ${file}`);
  console.log(`imports: ${report.read.length} modules, ${report.edges} edges`);
  if (report.violations.length > 0 || unread.length > 0) process.exitCode = 1;
}

if (import.meta.main) await main();
