/**
 * Who may import whom. Each folder lists what it may import of ours; everything else is refused.
 *
 * TypeScript 7 has no API for tools: without `parser: 'swc'` no module is read and every rule
 * passes. test/import-rules.test.ts therefore breaks each rule once.
 */
const OURS = '^(schema|db|server|client|test|scripts|bench|bin)/';
const PORTS = '^server/(world|providers/(provider|image-store))\\.ts$';
const VM_HOST = '^server/providers/vm-host/';

/** @param {...string} names packages of npm, resolved or not */
const packages = (...names) => `(^|/node_modules/|^node_modules/)(${names.join('|')})(/|$)`;

const ORM = packages('drizzle-orm', 'better-sqlite3');
const GRAPHQL = packages('@pothos', 'graphql', 'graphql-yoga', 'graphql-ws', '@graphql-yoga');
const BROWSER = packages('react', 'react-dom', 'urql', '@urql');

/**
 * A folder that may import of ours only what is listed.
 *
 * @param {string} name
 * @param {string | { path: string, pathNot: string }} from
 * @param {string[]} allowed
 */
const mayImportOnly = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: typeof from === 'string' ? { path: from } : from,
  to: { path: OURS, pathNot: allowed },
});

/**
 * @param {string} name
 * @param {object} from
 * @param {object} to
 */
const refuse = (name, from, to) => ({ name, severity: 'error', from, to });

export default {
  forbidden: [
    refuse('no-cycles', {}, { circular: true }),
    refuse('no-unresolvable', {}, { couldNotResolve: true }),

    refuse('model-imports-nothing', { path: '^schema/model/' }, { pathNot: '^schema/model/' }),
    mayImportOnly('schema-only-schema', '^schema/', ['^schema/']),
    refuse(
      'schema-only-graphql-packages',
      { path: '^schema/', pathNot: '^schema/model/' },
      { pathNot: ['^schema/', packages('@pothos', 'graphql', 'zod')] },
    ),

    mayImportOnly('db-only-model', '^db/', ['^db/', '^schema/model/']),
    refuse('db-no-graphql', { path: '^db/' }, { path: [GRAPHQL, BROWSER] }),
    refuse('orm-only-in-db', { pathNot: '^(db|scripts|bench|test)/' }, { path: ORM }),

    mayImportOnly('provider-only-ports', '^server/providers/([^/]+)/', [
      '^server/providers/$1/',
      '^schema/model/',
      PORTS,
      VM_HOST,
    ]),
    // What the programs that run VMs on this machine share knows none of them.
    refuse(
      'vm-host-only-for-its-hypervisors',
      { path: '^server/providers/', pathNot: '^server/providers/(vm-host|qemu|firecracker)/' },
      { path: VM_HOST },
    ),
    mayImportOnly('provider-port-only-model', '^server/providers/[^/]+\\.ts$', [
      '^server/providers/[^/]+\\.ts$',
      '^schema/model/',
      PORTS,
    ]),
    refuse('provider-no-graphql', { path: '^server/providers/' }, { path: [GRAPHQL, BROWSER] }),

    // reconciler.ts, if there is one, is the shape they share; they do not know each other.
    mayImportOnly('reconciler-only-db-and-ports', '^server/reconcilers/', [
      '^db/',
      '^schema/model/',
      '^server/reconcilers/reconciler\\.ts$',
      '^server/(outside|step|golden-set|making|turnover|image-look|image-making)\\.ts$',
      '^server/session-(key|secrets)\\.ts$',
      '^server/jobs/',
      PORTS,
    ]),
    refuse('reconciler-no-graphql', { path: '^server/reconcilers/' }, { path: [GRAPHQL, BROWSER] }),

    mayImportOnly('server-only-schema-and-db', '^server/', ['^server/', '^schema/', '^db/']),
    refuse('server-no-browser-packages', { path: '^server/' }, { path: BROWSER }),
    refuse(
      'concrete-provider-only-in-main',
      {
        path: '^(schema|db|server|client)/',
        pathNot: '^server/((main|open-providers)\\.ts$|providers/)',
      },
      { path: '^server/providers/[^/]+/' },
    ),
    refuse('main-only-for-tests', { pathNot: '^(test|bin)/' }, { path: '^server/main\\.ts$' }),
    refuse(
      'providers-opened-by-main-only',
      { pathNot: '^server/main\\.ts$' },
      { path: '^server/open-providers\\.ts$' },
    ),

    mayImportOnly('client-only-model', '^client/', ['^client/', '^schema/model/']),
    refuse('client-no-node', { path: '^client/' }, { dependencyTypes: ['core'] }),
    refuse(
      'client-no-server-packages',
      { path: '^client/' },
      { path: [ORM, packages('@pothos', 'graphql-yoga', '@graphql-yoga', 'ws', 'pino', 'yaml')] },
    ),

    refuse(
      'product-no-dev-dependency',
      { path: '^(schema|db|server|client|bin)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
    refuse('nobody-imports-tests', { path: '^(scripts|bin)/' }, { path: '^(test|bench)/' }),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|data)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js'],
    },
  },
};
