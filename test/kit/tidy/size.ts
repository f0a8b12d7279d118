import type { Node } from 'oxc-parser';
import { type FunctionNode, type Rule, type Source, at, countLines } from './source.ts';
import { dottedName, isFunction, isIn, propertyName } from './source.ts';

const MAX_FUNCTION = 60;
const MAX_RESOLVER = 15;
const MAX_FILE = 300;
const MAX_TEST_FILE = 400;
const MAX_COLUMNS = 100;
const MAX_NESTING = 3;

/** A function is at most 60 lines; the callbacks that describe tests are not functions to read. */
export const functionLength: Rule = (source) =>
  source.nodes
    .filter(isFunction)
    .filter((node) => !isTestCallback(source, node) && countLines(source, node) > MAX_FUNCTION)
    .map((node) =>
      at(source, node, `function of ${countLines(source, node)} lines, at most ${MAX_FUNCTION}`),
    );

/** A resolver hands over to the ports within 15 lines. */
export const resolverLength: Rule = (source) => {
  if (!isIn(source.path, 'schema')) return [];
  return source.nodes
    .filter(isFunction)
    .filter((node) => isResolver(node) && countLines(source, node) > MAX_RESOLVER)
    .map((node) =>
      at(source, node, `resolver of ${countLines(source, node)} lines, at most ${MAX_RESOLVER}`),
    );
};

/** All tables stand on one page, however long: it is data, looked things up in and not read. */
const ONE_PAGE = 'db/tables.ts';

/** A file is at most 300 lines, a test file 400. */
export const fileLength: Rule = (source) => {
  if (source.path === ONE_PAGE) return [];
  const most = isIn(source.path, 'test') ? MAX_TEST_FILE : MAX_FILE;
  if (source.lines.length <= most) return [];
  const message = `file of ${source.lines.length} lines, at most ${most}`;
  return [{ path: source.path, line: most + 1, message }];
};

/** A line is at most 100 columns. */
export const columns: Rule = (source) =>
  source.lines.flatMap((text, index) => {
    const width = text.length;
    if (width <= MAX_COLUMNS) return [];
    const message = `line of ${width} columns, at most ${MAX_COLUMNS}`;
    return [{ path: source.path, line: index + 1, message }];
  });

/** Control flow is at most 3 deep within one function; `else if` goes no deeper. */
export const nesting: Rule = (source) =>
  source.nodes
    .filter((node) => isControlFlow(node) && depthOf(node) === MAX_NESTING + 1)
    .map((node) => at(source, node, `nesting deeper than ${MAX_NESTING}`));

/** The lengths of all functions that the length rule counts. */
export function functionLengths(source: Source): number[] {
  return source.nodes
    .filter(isFunction)
    .filter((node) => !isTestCallback(source, node))
    .map((node) => countLines(source, node));
}

function isTestCallback(source: Source, node: FunctionNode): boolean {
  const call = node.parent;
  if (!isIn(source.path, 'test') || call?.type !== 'CallExpression') return false;
  return /^(describe|it|test|suite|bench)\b/.test(dottedName(call.callee));
}

function isResolver(node: FunctionNode): boolean {
  const { parent } = node;
  if (parent?.type !== 'Property' || parent.value !== node) return false;
  return ['resolve', 'subscribe'].includes(propertyName(parent.key) ?? '');
}

function isControlFlow(node: Node): boolean {
  if (node.type === 'IfStatement') return !isElseIf(node);
  return /^(For|ForIn|ForOf|While|DoWhile|Switch|Try)Statement$/.test(node.type);
}

function isElseIf(node: Node): boolean {
  return node.parent?.type === 'IfStatement' && node.parent.alternate === node;
}

/** How many control structures of the same function enclose this one, itself included. */
function depthOf(node: Node): number {
  let depth = 0;
  for (let place: Node | null | undefined = node; place; place = place.parent) {
    if (isFunction(place)) break;
    if (isControlFlow(place)) depth += 1;
  }
  return depth;
}
