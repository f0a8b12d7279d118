import type { Node } from 'oxc-parser';
import { type Rule, type Source, at, isIn } from './source.ts';

const BANNED = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'managers']);
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** A file is named after what it is about, not after being useful. */
export const bannedNames: Rule = ({ path }) => {
  const parts = path.replace(/\.tsx?$/, '').split('/');
  const words = parts.flatMap((part) => part.split(/[-.]/));
  const isBanned = words.some((word) => BANNED.has(word)) || parts.includes('base');
  return isBanned ? [{ path, line: 1, message: 'a name that says nothing' }] : [];
};

/** File and folder names are kebab-case. */
export const kebabCase: Rule = ({ path }) => {
  const parts = path.replace(/\.tsx?$/, '').split(/[/.]/);
  const isKebab = parts.every((part) => KEBAB.test(part));
  return isKebab ? [] : [{ path, line: 1, message: 'a name that is not kebab-case' }];
};

/** What a file exports says in a doc comment what it is. */
export const docComments: Rule = (source) => {
  if (!isIn(source.path, 'schema', 'db', 'server', 'client')) return [];
  const seen = new Set<string>();
  return listExports(source).flatMap(({ name, node }) => {
    const isOverload = seen.has(name);
    seen.add(name);
    const isDocumented = isOverload || hasDocComment(source, node);
    return isDocumented ? [] : [at(source, node, `export ${name} without a doc comment`)];
  });
};

interface Exported {
  name: string;
  node: Node;
}

/** Each exported declaration, or the declaration that `export { name }` speaks of. */
function listExports(source: Source): Exported[] {
  const body = source.nodes[0]?.type === 'Program' ? source.nodes[0].body : [];
  const local = new Map<string, Node>();
  for (const node of body) for (const name of declaredNames(node)) local.set(name, node);
  return body.flatMap((node): Exported[] => {
    if (node.type === 'ExportDefaultDeclaration') return [{ name: 'default', node }];
    if (node.type !== 'ExportNamedDeclaration' || node.source !== null) return [];
    if (node.declaration !== null) {
      return declaredNames(node.declaration).map((name) => ({ name, node }));
    }
    return node.specifiers.flatMap(({ local: { type, ...id } }) => {
      const name = type === 'Identifier' && 'name' in id ? id.name : '';
      const declaration = local.get(name);
      return declaration === undefined ? [] : [{ name, node: declaration }];
    });
  });
}

function declaredNames(node: Node): string[] {
  if (node.type === 'VariableDeclaration') {
    return node.declarations.map(({ id }) => (id.type === 'Identifier' ? id.name : 'pattern'));
  }
  if (!('id' in node) || node.id === null) return [];
  return 'name' in node.id && typeof node.id.name === 'string' ? [node.id.name] : [];
}

/** A comment of the form that editors show, directly above. */
function hasDocComment(source: Source, node: Node): boolean {
  return source.comments.some(
    ({ type, value, start, end }) =>
      type === 'Block' &&
      value.startsWith('*') &&
      start < node.start &&
      end <= node.start &&
      /^\s*$/.test(source.text.slice(end, node.start)),
  );
}
