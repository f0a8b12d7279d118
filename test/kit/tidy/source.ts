import { type Comment, type Node, parseSync, visitorKeys } from 'oxc-parser';

/** One source file, parsed: its nodes in order, each knowing its parent. */
export interface Source {
  path: string;
  text: string;
  lines: string[];
  nodes: readonly Node[];
  comments: readonly Comment[];
  /** The line, from 1, of an offset. */
  lineAt: (offset: number) => number;
}

/** Something a rule does not want, at its place. */
export interface Violation {
  path: string;
  line: number;
  message: string;
}

/** A rule looks at one file and names what it does not want. */
export type Rule = (source: Source) => Violation[];

/** Parses a file; a syntax error throws. */
export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text);
  const [error] = parsed.errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const lines = text.replace(/\n$/, '').split('\n');
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const lineAt = (offset: number) => starts.findLastIndex((start) => start <= offset) + 1;
  const nodes = [...walk(parsed.program)];
  return { path, text, lines, nodes, comments: parsed.comments, lineAt };
}

/** A violation at a node or comment. */
export function at(source: Source, place: { start: number }, message: string): Violation {
  return { path: source.path, line: source.lineAt(place.start), message };
}

/** How many lines a node takes. */
export function countLines(source: Source, node: Node): number {
  return source.lineAt(node.end - 1) - source.lineAt(node.start) + 1;
}

/** Declarations, expressions and arrows; methods are function expressions. */
export type FunctionNode = Extract<
  Node,
  { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }
>;

/** Whether a node is a function with a body. */
export function isFunction(node: Node): node is FunctionNode {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** `a.b.c` for a chain of plain names, else the last names of it that are plain. */
export function dottedName(node: Node): string {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'MemberExpression') {
    const property = propertyName(node.property);
    return `${dottedName(node.object)}.${property ?? '?'}`;
  }
  if (node.type === 'ChainExpression') return dottedName(node.expression);
  if (node.type === 'CallExpression') return `${dottedName(node.callee)}()`;
  return '?';
}

/** The name of `x` in `{ x: 1 }`, `a.x` and `a['x']`. */
export function propertyName(key: Node): string | undefined {
  if (key.type === 'Identifier') return key.name;
  return key.type === 'Literal' && typeof key.value === 'string' ? key.value : undefined;
}

/** Whether a path lies in one of these top folders. */
export function isIn(path: string, ...folders: string[]): boolean {
  return folders.some((folder) => path.startsWith(`${folder}/`));
}

function* walk(node: Node): Generator<Node> {
  yield node;
  const fields = new Map<string, unknown>(Object.entries(node));
  for (const key of visitorKeys[node.type] ?? []) {
    for (const child of [fields.get(key)].flat().filter(isNode)) {
      child.parent = node;
      yield* walk(child);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}
