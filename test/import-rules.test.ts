import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import rules from '../.dependency-cruiser.js';
import { type ImportReport, checkImports, listSources } from '../scripts/imports.ts';

test('every file that git lists is read, and keeps the rules', async () => {
  const files = listSources('.');
  const report = await checkImports(process.cwd(), files);
  expect(report.violations).toEqual([]);
  expect(report.read.toSorted()).toEqual(files);
  expect(report.edges).toBeGreaterThan(files.length);
});

/** Rule, the file that breaks it, and the import that does. */
const PLANTED: [rule: string, from: string, to: string][] = [
  ['no-cycles', 'db/a.ts', '#db/b.ts'],
  ['no-unresolvable', 'db/a.ts', '#db/nowhere.ts'],
  ['model-imports-nothing', 'schema/model/a.ts', '#schema/builder.ts'],
  ['model-imports-nothing', 'schema/model/a.ts', 'zod'],
  ['model-imports-nothing', 'schema/model/a.ts', 'node:fs'],
  ['schema-only-schema', 'schema/a.ts', '#db/store.ts'],
  ['schema-only-schema', 'schema/a.ts', '#server/hub.ts'],
  ['schema-only-graphql-packages', 'schema/a.ts', 'ws'],
  ['schema-only-graphql-packages', 'schema/a.ts', 'node:fs'],
  ['db-only-model', 'db/a.ts', '#schema/builder.ts'],
  ['db-only-model', 'db/a.ts', '#server/hub.ts'],
  ['db-no-graphql', 'db/a.ts', '@pothos/core'],
  ['orm-only-in-db', 'schema/a.ts', 'drizzle-orm'],
  ['orm-only-in-db', 'server/a.ts', 'better-sqlite3'],
  ['orm-only-in-db', 'server/a.ts', 'drizzle-orm/better-sqlite3'],
  ['provider-only-ports', 'server/providers/x/a.ts', '#server/providers/y/a.ts'],
  ['provider-only-ports', 'server/providers/x/a.ts', '#db/store.ts'],
  ['provider-only-ports', 'server/providers/x/a.ts', '#server/hub.ts'],
  ['vm-host-only-for-its-hypervisors', 'server/providers/x/a.ts', '#server/providers/vm-host/a.ts'],
  ['provider-port-only-model', 'server/providers/provider.ts', '#server/hub.ts'],
  ['provider-no-graphql', 'server/providers/x/a.ts', 'graphql'],
  ['reconciler-only-db-and-ports', 'server/reconcilers/a.ts', '#server/reconcilers/b.ts'],
  ['reconciler-only-db-and-ports', 'server/reconcilers/a.ts', '#server/http.ts'],
  ['reconciler-only-db-and-ports', 'server/reconcilers/a.ts', '#server/providers/x/b.ts'],
  ['reconciler-only-db-and-ports', 'server/reconcilers/a.ts', '#schema/builder.ts'],
  ['reconciler-no-graphql', 'server/reconcilers/a.ts', 'graphql'],
  ['server-only-schema-and-db', 'server/a.ts', '#client/urql.ts'],
  ['server-only-schema-and-db', 'server/a.ts', '#test/kit/x.ts'],
  ['server-no-browser-packages', 'server/a.ts', 'react'],
  ['concrete-provider-only-in-main', 'server/loop.ts', '#server/providers/x/b.ts'],
  ['main-only-for-tests', 'server/a.ts', '#server/main.ts'],
  ['main-only-for-tests', 'scripts/a.ts', '#server/main.ts'],
  ['providers-opened-by-main-only', 'server/a.ts', '#server/open-providers.ts'],
  ['client-only-model', 'client/a.ts', '#schema/session.ts'],
  ['client-only-model', 'client/a.tsx', '#server/hub.ts'],
  ['client-no-node', 'client/a.ts', 'node:fs'],
  ['client-no-server-packages', 'client/a.ts', 'graphql-yoga'],
  ['product-no-dev-dependency', 'server/a.ts', 'fast-check'],
  ['nobody-imports-tests', 'scripts/a.ts', '#test/kit/x.ts'],
];

const ALLOWED: [from: string, to: string][] = [
  ['schema/a.ts', '#schema/model/b.ts'],
  ['schema/a.ts', '@pothos/core'],
  ['db/a.ts', '#schema/model/b.ts'],
  ['db/a.ts', 'drizzle-orm'],
  ['db/a.ts', 'node:fs'],
  ['server/providers/x/a.ts', '#server/providers/provider.ts'],
  ['server/providers/x/a.ts', '#server/world.ts'],
  ['server/providers/x/a.ts', '#schema/model/b.ts'],
  ['server/reconcilers/a.ts', '#db/store.ts'],
  ['server/reconcilers/a.ts', '#server/providers/provider.ts'],
  ['server/reconcilers/a.ts', '#schema/model/b.ts'],
  ['server/main.ts', '#server/providers/x/b.ts'],
  ['server/a.ts', '#db/store.ts'],
  ['client/a.tsx', '#schema/model/b.ts'],
  ['client/a.tsx', 'urql'],
  ['scripts/a.ts', '#server/providers/x/b.ts'],
  ['test/a.ts', '#server/main.ts'],
];

const FORMS = {
  'an import': (path: string) => `import * as a from '${path}';\nexport const b = a;\n`,
  'a type import': (path: string) =>
    `import type * as a from '${path}';\nexport type B = typeof a;\n`,
  'a re-export': (path: string) => `export * from '${path}';\n`,
  'a dynamic import': (path: string) => `export const a = () => import('${path}');\n`,
};

test.each(PLANTED)('%s: %s may not import %s', async (rule, from, to) => {
  for (const [form, write] of Object.entries(FORMS)) {
    const { violations } = await plant(from, to, write);
    expect(
      violations.map((found) => found.rule),
      form,
    ).toContain(rule);
  }
});

test.each(ALLOWED)('%s may import %s', async (from, to) => {
  expect((await plant(from, to, FORMS['an import'])).violations).toEqual([]);
});

test('every rule is broken on purpose', () => {
  const names = rules.forbidden.map(({ name }) => name);
  expect(new Set(PLANTED.map(([rule]) => rule))).toEqual(new Set(names));
});

/** Checks a little tree of its own, in which one file imports another (`#`: from the root). */
async function plant(
  from: string,
  to: string,
  write: (path: string) => string,
): Promise<ImportReport> {
  const root = mkdtempSync(join(tmpdir(), 'snapyard-imports-'));
  try {
    const up = '../'.repeat(from.split('/').length - 1);
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    symlinkSync(resolve('package.json'), join(root, 'package.json'));
    const target = to.startsWith('#') ? to.slice(1) : undefined;
    if (target !== undefined && !target.includes('nowhere')) {
      const back = `${'../'.repeat(target.split('/').length - 1)}${from}`;
      put(target, target === 'db/b.ts' ? FORMS['an import'](back) : 'export const a = 1;\n');
    }
    put(from, write(target === undefined ? to : up + target));
    return await checkImports(root, [from]);
  } finally {
    rmSync(root, { recursive: true });
  }
}
