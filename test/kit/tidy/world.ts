import type { Node } from 'oxc-parser';
import { type Rule, type Violation, at, dottedName, isIn, propertyName } from './source.ts';

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate'];
const RANDOM = ['randomUUID', 'randomBytes', 'randomInt', 'randomFill', 'getRandomValues'];
const CLOCK_NAMES = new Set([
  ...TIMERS,
  ...TIMERS.map((name) => `globalThis.${name}`),
  ...RANDOM.map((name) => `crypto.${name}`),
  ...RANDOM.map((name) => `globalThis.crypto.${name}`),
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'process.hrtime.bigint',
  'process.uptime',
  'AbortSignal.timeout',
]);
const CLOCK_MODULES = /^(node:)?(timers|timers\/promises|perf_hooks)$/;

/** Time, timers and randomness come from server/world.ts, so that tests can own them. */
export const worldOnly: Rule = (source) => {
  if (!isIn(source.path, 'schema', 'db', 'server') || source.path === 'server/world.ts') return [];
  return source.nodes.flatMap((node): Violation[] => {
    const name = clockName(node);
    return name === undefined ? [] : [at(source, node, `${name} outside server/world.ts`)];
  });
};

/** The environment is read in server/config.ts, scripts, tests and the tools' own files. */
export const environmentOnly: Rule = (source) => {
  const isProduct = isIn(source.path, 'schema', 'db', 'server', 'client');
  if (!isProduct || source.path === 'server/config.ts') return [];
  return source.nodes
    .filter((node) => readsEnvironment(node))
    .map((node) => at(source, node, 'process.env outside server/config.ts'));
};

function clockName(node: Node): string | undefined {
  switch (node.type) {
    case 'MemberExpression':
      return knownName(dottedName(node));
    case 'Identifier':
      return isReference(node) ? knownName(node.name) : undefined;
    case 'NewExpression':
      return isDateOfNow(node.callee, node.arguments.length) ? 'new Date()' : undefined;
    case 'CallExpression':
      return node.callee.type === 'Identifier' && node.callee.name === 'Date'
        ? 'Date()'
        : undefined;
    case 'ImportDeclaration':
      return CLOCK_MODULES.test(node.source.value) ? node.source.value : undefined;
    case 'ImportSpecifier':
      return importedRandom(node);
    default:
      return undefined;
  }
}

function knownName(name: string): string | undefined {
  return CLOCK_NAMES.has(name) ? name : undefined;
}

function isDateOfNow(callee: Node, argumentCount: number): boolean {
  return callee.type === 'Identifier' && callee.name === 'Date' && argumentCount === 0;
}

function importedRandom(node: Extract<Node, { type: 'ImportSpecifier' }>): string | undefined {
  const name = propertyName(node.imported);
  return name !== undefined && RANDOM.includes(name) ? name : undefined;
}

/** Whether a name stands for a value here: called or handed on, not the key of something. */
function isReference(node: Node): boolean {
  const { parent } = node;
  switch (parent?.type) {
    case 'CallExpression':
    case 'NewExpression':
    case 'ReturnStatement':
    case 'AwaitExpression':
    case 'VariableDeclarator':
      return !('id' in parent && parent.id === node);
    case 'Property':
      return parent.value === node && parent.parent?.type === 'ObjectExpression';
    default:
      return false;
  }
}

function readsEnvironment(node: Node): boolean {
  if (node.type === 'MemberExpression') return dottedName(node) === 'process.env';
  if (node.type === 'ImportSpecifier') {
    const declaration = node.parent;
    if (declaration?.type !== 'ImportDeclaration') return false;
    return (
      /^(node:)?process$/.test(declaration.source.value) && propertyName(node.imported) === 'env'
    );
  }
  if (node.type !== 'VariableDeclarator' || node.id.type !== 'ObjectPattern') return false;
  const takesEnv = node.id.properties.some(
    (property) => property.type === 'Property' && propertyName(property.key) === 'env',
  );
  return takesEnv && node.init?.type === 'Identifier' && node.init.name === 'process';
}
