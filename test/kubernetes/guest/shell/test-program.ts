import { absolute } from '../file-system.ts';
import { patternOf } from './expand.ts';
import type { Scope } from './scope.ts';

/** Whether an expression of `test` holds. */
export function testHolds(words: readonly string[], scope: Scope): boolean {
  const or = words.findIndex((word) => word === '-o' || word === '||');
  if (or > 0) return testHolds(words.slice(0, or), scope) || testHolds(words.slice(or + 1), scope);
  const and = words.findIndex((word) => word === '-a' || word === '&&');
  if (and > 0) {
    return testHolds(words.slice(0, and), scope) && testHolds(words.slice(and + 1), scope);
  }
  if (words[0] === '!') return !testHolds(words.slice(1), scope);
  if (words.length >= 3) return compares(words[0] ?? '', words[1] ?? '', words[2] ?? '');
  if (words.length === 2) return isOne(words[0] ?? '', words[1] ?? '', scope);
  return (words[0] ?? '') !== '';
}

function compares(left: string, operator: string, right: string): boolean {
  const [a, b] = [Number(left), Number(right)];
  const results: Record<string, boolean> = {
    '=': left === right,
    '==': left === right || patternOf([{ text: right, quoted: false }], '.*').test(left),
    '!=': left !== right,
    '-eq': a === b,
    '-ne': a !== b,
    '-lt': a < b,
    '-le': a <= b,
    '-gt': a > b,
    '-ge': a >= b,
  };
  return results[operator] === true;
}

function isOne(operator: string, text: string, scope: Scope): boolean {
  const { files } = scope.computer;
  const path = absolute(text, scope.folder);
  switch (operator) {
    case '-n':
      return text !== '';
    case '-z':
      return text === '';
    case '-d':
      return files.isFolder(path);
    case '-f':
      return files.read(path) !== undefined;
    case '-s':
      return (files.read(path) ?? '') !== '';
    case '-e':
      return files.exists(path);
    case '-r':
      return files.exists(path) && files.mayRead(path, scope.user);
    case '-w':
      return files.mayWrite(path, scope.user);
    case '-x':
      return files.exists(path) && (files.mode(path) & 0o111) > 0;
    default:
      return false;
  }
}
