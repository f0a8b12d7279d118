import { absolute } from '../file-system.ts';
import { piecesOfText } from './lexer.ts';
import type { Scope } from './scope.ts';
import type { Piece, Word } from './syntax.ts';

/** Runs a script and answers what it wrote. */
export type Capture = (source: string) => Promise<string>;

/** A character of an expanded word: quoted ones are never a pattern and never split. */
interface Part {
  readonly text: string;
  readonly quoted: boolean;
}

/** Expands the words of a command: variables, commands, splitting, file patterns. */
export async function expandAll(
  words: readonly Word[],
  scope: Scope,
  capture: Capture,
): Promise<string[]> {
  const found: string[] = [];
  for (const word of words) found.push(...(await expandOne(word, scope, capture)));
  return found;
}

/** Expands a word that stays one: a redirection's, an assignment's. */
export async function expandWhole(word: Word, scope: Scope, capture: Capture): Promise<string> {
  const parts = await partsOf(home(word, scope), scope, capture);
  return parts.map(({ text }) => text).join('');
}

async function expandOne(word: Word, scope: Scope, capture: Capture): Promise<string[]> {
  const [only] = word;
  if (word.length === 2 && isEmptyQuote(only) && isAllArguments(word[1])) {
    return scope.arguments.slice(1);
  }
  const fields = fieldsOf(await partsOf(home(word, scope), scope, capture));
  return fields.flatMap((field) => filesFor(field, scope));
}

function isEmptyQuote(piece: Piece | undefined): boolean {
  return piece?.kind === 'TEXT' && piece.quoted && piece.text === '';
}

function isAllArguments(piece: Piece | undefined): boolean {
  return piece?.kind === 'VARIABLE' && piece.expression === '@';
}

/** `~` at the beginning. */
function home(word: Word, scope: Scope): Word {
  const [first, ...rest] = word;
  if (first?.kind !== 'TEXT' || first.quoted || !/^~(\/|$)/.test(first.text)) return word;
  return [
    { ...first, text: `${scope.variables.get('HOME') ?? ''}${first.text.slice(1)}` },
    ...rest,
  ];
}

async function partsOf(word: Word, scope: Scope, capture: Capture): Promise<Part[]> {
  const parts: Part[] = [];
  for (const piece of word) {
    parts.push({ text: await textOf(piece, scope, capture), quoted: piece.quoted });
    // What a variable holds may be split, what stands in the script itself not: it has no spaces.
  }
  return parts;
}

async function textOf(piece: Piece, scope: Scope, capture: Capture): Promise<string> {
  if (piece.kind === 'TEXT') return piece.text;
  if (piece.kind === 'VARIABLE') return variable(piece.expression, scope, capture);
  if (piece.kind === 'COMMAND') return (await capture(piece.source)).replace(/\n+$/, '');
  return String(sum(await expandWhole(piecesOfText(piece.source), scope, capture), scope));
}

async function variable(expression: string, scope: Scope, capture: Capture): Promise<string> {
  const form = /^(#?)(\w+|[@*#?$!-])(?:(:?[-=+?]|##?|%%?)([\s\S]*))?$/.exec(expression);
  if (form === null) return '';
  const [, length, name = '', operator = '', rest = ''] = form;
  const value = valueOf(name, scope);
  if (length === '#') return String((value ?? '').length);
  if (operator === '') return value ?? '';
  const word = () => expandWhole(piecesOfText(rest), scope, capture);
  if (/^[#%]/.test(operator)) return trimmed(value ?? '', operator, await word());
  const isUnset = operator.startsWith(':') ? (value ?? '') === '' : value === undefined;
  if (operator.endsWith('+')) return isUnset ? '' : word();
  if (!isUnset) return value ?? '';
  const replacement = await word();
  if (operator.endsWith('=')) scope.variables.set(name, replacement);
  return replacement;
}

function valueOf(name: string, scope: Scope): string | undefined {
  if (/^\d+$/.test(name)) return scope.arguments[Number(name)];
  if (name === '@' || name === '*') return scope.arguments.slice(1).join(' ');
  if (name === '#') return String(scope.arguments.length - 1);
  if (name === '?') return String(scope.status);
  if (name === '$' || name === '!') return '4711';
  return scope.variables.get(name);
}

function trimmed(value: string, operator: string, pattern: string): string {
  const isSuffix = operator.startsWith('%');
  const isLongest = operator.length === 2;
  const cuts = Array.from({ length: value.length + 1 }, (_, index) => index);
  const ordered = isSuffix === isLongest ? cuts : cuts.toReversed();
  for (const cut of ordered) {
    const [kept, gone] = isSuffix
      ? [value.slice(0, cut), value.slice(cut)]
      : [value.slice(cut), value.slice(0, cut)];
    if (patternOf([{ text: pattern, quoted: false }]).test(gone)) return kept;
  }
  return value;
}

/** Numbers, names, `+ - * / %` from left to right, and comparisons; enough to count. */
function sum(source: string, scope: Scope): number {
  const tokens = source.match(/\d+|\w+|[-+*/%]|[<>=!]=?/g) ?? [];
  const numberOf = (token = '0') =>
    /^\d/.test(token) ? Number(token) : Number(scope.variables.get(token) ?? 0);
  let total = numberOf(tokens[0]);
  for (let at = 1; at < tokens.length; at += 2) {
    total = calculate(total, tokens[at] ?? '', numberOf(tokens[at + 1]));
  }
  return total;
}

function calculate(left: number, operator: string, right: number): number {
  if (operator === '+') return left + right;
  if (operator === '-') return left - right;
  if (operator === '*') return left * right;
  if (operator === '/') return Math.trunc(left / right);
  if (operator === '%') return left % right;
  const comparisons: Record<string, boolean> = {
    '<': left < right,
    '<=': left <= right,
    '>': left > right,
    '>=': left >= right,
    '==': left === right,
    '!=': left !== right,
  };
  return comparisons[operator] === true ? 1 : 0;
}

/** Splits where something unquoted has white space; nothing at all gives no field. */
function fieldsOf(parts: readonly Part[]): Part[][] {
  const fields: Part[][] = [];
  let current: Part[] | undefined;
  const end = () => {
    if (current !== undefined) fields.push(current);
    current = undefined;
  };
  for (const { text, quoted } of parts) {
    if (quoted) {
      (current ??= []).push({ text, quoted });
      continue;
    }
    text.split(/(\s+)/).forEach((piece, index) => {
      if (index % 2 === 1) end();
      else if (piece !== '') (current ??= []).push({ text: piece, quoted });
    });
  }
  end();
  return fields;
}

function filesFor(field: readonly Part[], scope: Scope): string[] {
  const text = field.map((part) => part.text).join('');
  if (!field.some((part) => !part.quoted && /[*?[]/.test(part.text))) return [text];
  const isRelative = !text.startsWith('/');
  const start: Part[] = isRelative
    ? [{ text: `${scope.folder}/`, quoted: true }, ...field]
    : [...field];
  const pattern = patternOf(start);
  const fixed = absolute(text.split(/[*?[]/)[0]?.replace(/[^/]*$/, '') ?? '/', scope.folder);
  const found = scope.computer.files
    .walk(fixed)
    .filter((path) => isShown(path) && pattern.test(path));
  if (found.length === 0) return [text];
  return isRelative ? found.map((path) => path.slice(scope.folder.length + 1)) : found;
}

function isShown(path: string): boolean {
  return !path.slice(path.lastIndexOf('/') + 1).startsWith('.');
}

/** A text as an expression that only it fits. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** A file pattern as an expression; `*` stays within a folder. */
export function patternOf(parts: readonly Part[], anything = '[^/]*'): RegExp {
  const source = parts.map(({ text, quoted }) =>
    quoted
      ? escaped(text)
      : text.replaceAll(/\*|\?|\[[^\]]*\]|[\s\S]/g, (char) => {
          if (char === '*') return anything;
          if (char === '?') return '[^/]';
          return char.length > 1 ? char.replace('[!', '[^') : escaped(char);
        }),
  );
  return new RegExp(`^${source.join('')}$`, 's');
}

/** Whether a text fits a pattern of `case`, `find` or `[[`. */
export async function fits(
  text: string,
  word: Word,
  scope: Scope,
  capture: Capture,
): Promise<boolean> {
  return patternOf(await partsOf(word, scope, capture), '.*').test(text);
}
