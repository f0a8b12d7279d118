/**
 * Prints what is derived from the sources and committed with them:
 * - schema/schema.graphql from schema/index.ts
 * - db/migrations from db/tables.ts (`npm run generate -- --name add-labels` names a new one)
 * - test/db/schema.sql, the tables as the migrations make them
 * - client/generated, what the client knows of the schema
 *
 * With --check nothing is written: it fails when a file would change or is not in git.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { type GraphQLSchema, printSchema } from 'graphql';
import drizzle from '../drizzle.config.ts';
import { clientSchemaFiles } from './client-schema.ts';

const OUTPUTS = [
  'schema/schema.graphql',
  'db/migrations/**/*.*',
  'test/db/schema.sql',
  'client/generated/*.ts',
];

/** Writes every derived file below `root`; the sources are those of the working tree. */
async function generateInto(root: string, migrationName: string): Promise<void> {
  const printed = await printOurSchema();
  write(root, 'schema/schema.graphql', printed);
  for (const [path, text] of clientSchemaFiles(printed)) write(root, path, text);
  runDrizzleKit(join(root, 'db/migrations'), migrationName);
  write(root, 'test/db/schema.sql', dumpTables(join(root, 'db/migrations')));
}

async function printOurSchema(): Promise<string> {
  const module = (await import(pathToFileURL('schema/index.ts').href)) as { schema: GraphQLSchema };
  return `${printSchema(module.schema)}\n`;
}

/** Adds a migration when the tables differ from the last one. */
function runDrizzleKit(out: string, name: string): void {
  const { dialect, schema } = drizzle as { dialect: string; schema: string };
  // It takes an absolute folder for a relative one.
  const folder = relative(process.cwd(), out);
  const options = ['--dialect', dialect, '--schema', schema, '--out', folder, '--name', name];
  const result = spawnSync('drizzle-kit', ['generate', ...options], { encoding: 'utf8' });
  const said = `${result.stdout}${result.stderr}`;
  // It ends with 0 when it failed too.
  if (!/No schema changes|Your SQL migration file/.test(said)) {
    throw new Error(`drizzle-kit generate failed:\n${result.error?.message ?? said}`);
  }
}

/** The tables and indexes that all migrations together make, as SQL. */
function dumpTables(migrations: string): string {
  const database = new Database(':memory:');
  for (const file of globSync('*.sql', { cwd: migrations }).toSorted()) {
    database.exec(readFileSync(join(migrations, file), 'utf8'));
  }
  const order = `ORDER BY tbl_name, type = 'table' DESC, type, name`;
  const query = `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ${order}`;
  const statements = database.prepare<[], string>(query).pluck().all();
  database.close();
  return statements.map((sql) => `${sql};\n`).join('\n');
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function readOutputs(root: string): Map<string, string> {
  const paths = globSync(OUTPUTS, { cwd: root });
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** The derived files that are out of date, or that git does not know. */
async function findDifferences(): Promise<string[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'snapyard-generate-'));
  try {
    if (existsSync('db/migrations')) {
      cpSync('db/migrations', join(scratch, 'db/migrations'), { recursive: true });
    }
    await generateInto(scratch, 'missing');
    const wanted = readOutputs(scratch);
    const present = readOutputs('.');
    const paths = new Set([...wanted.keys(), ...present.keys()]);
    const stale = [...paths].filter((path) => wanted.get(path) !== present.get(path));
    return [...stale.map((path) => `${path} is out of date`), ...listUntracked()];
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function listUntracked(): string[] {
  const paths = [
    'schema/schema.graphql',
    'db/migrations',
    'test/db/schema.sql',
    'client/generated',
  ];
  const args = ['ls-files', '--others', '--exclude-standard', '--', ...paths];
  const listed = execFileSync('git', args, { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter(Boolean)
    .map((path) => `${path} is not in git`);
}

const { values } = parseArgs({
  options: { check: { type: 'boolean' }, name: { type: 'string', default: 'change' } },
});

if (values.check === true) {
  const differences = await findDifferences();
  for (const difference of differences) console.error(difference);
  if (differences.length > 0) {
    console.error('Run "npm run generate" and commit the result.');
    process.exitCode = 1;
  }
} else {
  await generateInto('.', values.name);
}
