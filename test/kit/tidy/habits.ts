import type { Node } from 'oxc-parser';
import { type Rule, type Source, at, dottedName, isIn } from './source.ts';

const UNFINISHED = /\b(FIXME|TODO|XXX)\b/;

/** Work left over is an issue, not a comment. */
export const unfinished: Rule = (source) =>
  source.comments
    .filter(({ value }) => UNFINISHED.test(value))
    .map((comment) => at(source, comment, 'a note of unfinished work'));

/** The compiler is not silenced; a test may expect an error, and says why. */
export const silencedCompiler: Rule = (source) =>
  source.comments
    .filter(({ value }) => isSilencing(source, value))
    .map((comment) => at(source, comment, 'the compiler is silenced'));

function isSilencing(source: Source, comment: string): boolean {
  if (/@ts-(ignore|nocheck)\b/.test(comment)) return true;
  if (!/@ts-expect-error\b/.test(comment)) return false;
  return !isIn(source.path, 'test') || !/@ts-expect-error\W+\w/.test(comment);
}

/** Nothing is typed `any`, and nothing is cast through `unknown`. */
export const escapedTypes: Rule = (source) =>
  source.nodes.flatMap((node) => {
    if (node.type === 'TSAnyKeyword') return [at(source, node, 'type any')];
    const inner = node.type === 'TSAsExpression' ? node.expression : undefined;
    const throughUnknown =
      inner?.type === 'TSAsExpression' && inner.typeAnnotation.type === 'TSUnknownKeyword';
    return throughUnknown ? [at(source, node, 'a cast through unknown')] : [];
  });

/**
 * A test that does not run says why where it is reported: `context.skip(condition, 'reason')`, or
 * `skipIf`/`runIf` with a title that says what it "needs". None is skipped for good or alone.
 */
export const silentSkips: Rule = (source) => {
  if (!isIn(source.path, 'test')) return [];
  return source.nodes.flatMap((node) => {
    if (node.type !== 'CallExpression') return [];
    const name = dottedName(node.callee);
    if (/^(describe|it|test|suite)\b.*\.only\b/.test(name)) return [at(source, node, '.only')];
    if (/^(describe|it|test|suite)\b.*\.(skip|todo)\b/.test(name)) {
      return [at(source, node, 'skipped for good: use context.skip(condition, reason)')];
    }
    if (/(^|\.)skip$/.test(name) && !isReason(node.arguments.at(-1))) {
      return [at(source, node, 'skipped without a reason')];
    }
    if (/^(describe|it|test|suite)\b.*\.(skipIf|runIf)$/.test(name) && !titleSaysNeeds(node)) {
      return [at(source, node, 'skipped without a title that says what it needs')];
    }
    return [];
  });
};

function isReason(node: Node | undefined): boolean {
  if (node?.type === 'Literal') return typeof node.value === 'string';
  return node?.type === 'TemplateLiteral' || node?.type === 'Identifier';
}

/** For `test.skipIf(condition)(title, ...)`: the call around it holds the title. */
function titleSaysNeeds(node: Node): boolean {
  const call = node.parent;
  const title = call?.type === 'CallExpression' ? call.arguments[0] : undefined;
  if (title?.type === 'Literal') return /\bneeds\b/.test(String(title.value));
  return title?.type === 'TemplateLiteral' && /\bneeds\b/.test(title.quasis.map(rawText).join(' '));
}

function rawText({ value }: { value: { raw: string } }): string {
  return value.raw;
}
