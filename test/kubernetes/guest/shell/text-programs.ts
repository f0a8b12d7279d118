import { escaped } from './expand.ts';
import { complain, flagsOf, textsOf } from './file-programs.ts';
import type { Call, Program } from './scope.ts';

/** The lines of a text; the last one needs no end. */
export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function put(call: Call, lines: readonly string[]): number {
  call.streams.out(lines.map((line) => `${line}\n`).join(''));
  return 0;
}

/** `-n 3`, `-n3`, `-3`, `-c 3`. */
function countOf(args: readonly string[]): { count: string; names: string[]; bytes: boolean } {
  const names: string[] = [];
  let count = '10';
  let bytes = false;
  for (let at = 0; at < args.length; at += 1) {
    const found = /^-(n|c|)([+-]?\d+)?$/.exec(args[at] ?? '');
    if (found === null) names.push(args[at] ?? '');
    else {
      bytes = found[1] === 'c';
      count = found[2] ?? args[(at += 1)] ?? '10';
    }
  }
  return { count, names: names.filter((name) => !/^-[fqF]$/.test(name)), bytes };
}

const head: Program = async (call) => {
  const { count, names, bytes } = countOf(call.args);
  const texts = await textsOf(call, names);
  const text = texts.join('');
  if (bytes) call.streams.out(text.slice(0, Number(count)));
  else put(call, linesOf(text).slice(0, Number(count)));
  return texts.includes(undefined) ? 1 : 0;
};

const tail: Program = async (call) => {
  const { count, names, bytes } = countOf(call.args);
  const texts = await textsOf(call, names);
  const text = texts.join('');
  const from = count.startsWith('+') ? Number(count) - 1 : -Number(count.replace('-', ''));
  if (bytes) call.streams.out(text.slice(from));
  else put(call, from === 0 ? [] : linesOf(text).slice(from));
  return texts.includes(undefined) ? 1 : 0;
};

const wc: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args);
  const texts = await textsOf(call, rest);
  texts.forEach((text, index) => {
    if (text === undefined) return;
    const lines = text.split('\n').length - 1;
    const words = text.split(/\s+/).filter(Boolean).length;
    const all = { l: lines, w: words, c: Buffer.byteLength(text) };
    const chosen = Object.entries(all).filter(([flag]) => flags.size === 0 || flags.has(flag));
    const name = rest[index] === undefined ? '' : ` ${rest[index]}`;
    call.streams.out(`${chosen.map(([, value]) => value).join(' ')}${name}\n`);
  });
  return texts.includes(undefined) ? 1 : 0;
};

const grep: Program = async (call) => {
  const explicit = call.args.indexOf('-e');
  const args = call.args.filter((arg) => arg !== '-e');
  const { flags, rest } = flagsOf(args);
  const [source = '', ...names] = rest;
  if (explicit < 0 && rest.length === 0) return complain(call, 'no pattern', 2);
  const pattern = grepPattern(source, flags, call.name);
  const texts = await textsOf(call, names);
  const found = texts
    .flatMap((text) => linesOf(text ?? ''))
    .filter((line) => pattern.test(line) !== flags.has('v'));
  if (flags.has('c')) call.streams.out(`${found.length}\n`);
  else if (flags.has('l') && found.length > 0) put(call, names);
  else if (flags.has('o'))
    put(
      call,
      found.flatMap((line) => pattern.exec(line)?.[0] ?? []),
    );
  else if (!flags.has('q') && !flags.has('--quiet')) put(call, found);
  if (texts.includes(undefined) && !(flags.has('q') && found.length > 0)) return 2;
  return found.length > 0 ? 0 : 1;
};

function grepPattern(source: string, flags: ReadonlySet<string>, name: string): RegExp {
  const isFixed = flags.has('F') || name === 'fgrep';
  const isExtended = flags.has('E') || flags.has('P') || name === 'egrep';
  let expression = isFixed ? escaped(source) : isExtended ? source : basic(source);
  if (flags.has('w')) expression = `\\b(?:${expression})\\b`;
  if (flags.has('x')) expression = `^(?:${expression})$`;
  return new RegExp(expression.replaceAll('[[:space:]]', '\\s'), flags.has('i') ? 'i' : '');
}

/** A basic regular expression: `\(`, `\|` and so on mean what `(` and `|` mean elsewhere. */
function basic(source: string): string {
  return source.replaceAll(/\\?[(){}|+?]/g, (char) =>
    char.length === 2 ? char.slice(1) : `\\${char}`,
  );
}

/** `s` commands, and `-n` with `Np`, `N,Mp`, `/x/p` or `$p`; `d` the same. */
const sed: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args.filter((arg) => arg !== '-e'));
  const [script = '', ...names] = rest;
  const texts = await textsOf(call, names);
  const lines = linesOf(texts.join(''));
  const edited = lines.flatMap((line, index) => edit(line, index, lines.length, script, flags));
  if (!flags.has('i')) return put(call, edited) || Number(texts.includes(undefined));
  const { files } = call.scope.computer;
  for (const name of names) files.write(name, edited.map((line) => `${line}\n`).join(''));
  return texts.includes(undefined) ? 1 : 0;
};

function edit(
  line: string,
  index: number,
  total: number,
  script: string,
  flags: ReadonlySet<string>,
): string[] {
  const isExtended = flags.has('E') || flags.has('r');
  const patternIn = (text: string) => new RegExp(isExtended ? text : basic(text));
  const change = /^s(.)(.*?)(?<!\\)\1(.*?)(?<!\\)\1([gip]*)$/.exec(script);
  if (change !== null) {
    const [, , from = '', to = '', how = ''] = change;
    const expression = new RegExp(patternIn(from), how.includes('g') ? 'g' : '');
    const isHit = expression.test(line);
    expression.lastIndex = 0;
    const result = line.replace(
      expression,
      to.replaceAll(/\\(\d)/g, '$$$1').replaceAll('&', '$$&'),
    );
    return flags.has('n') && !(how.includes('p') && isHit) ? [] : [result];
  }
  const address = /^(?:(\d+|\$)(?:,(\d+|\$))?|\/(.*)\/)?([pd])$/.exec(script);
  if (address === null) return [line];
  const numberOf = (text: string | undefined) => (text === '$' ? total : Number(text));
  const [, from, to, pattern, command] = address;
  const isMeant =
    pattern === undefined
      ? from === undefined || (index + 1 >= numberOf(from) && index + 1 <= numberOf(to ?? from))
      : patternIn(pattern).test(line);
  if (command === 'd') return isMeant ? [] : [line];
  return isMeant ? (flags.has('n') ? [line] : [line, line]) : flags.has('n') ? [] : [line];
}

const cut: Program = async (call) => {
  const option = (flag: string) => {
    const at = call.args.findIndex((arg) => arg.startsWith(flag));
    const value = at < 0 ? undefined : call.args[at]?.slice(2);
    return value === '' ? call.args[at + 1] : value;
  };
  const fields = (option('-f') ?? '1').split(',').map(Number);
  const delimiter = option('-d') ?? '\t';
  const names = call.args.filter(
    (arg, at) => !arg.startsWith('-') && !/^-[fd]$/.test(call.args[at - 1] ?? ''),
  );
  const texts = await textsOf(call, names);
  const shown = linesOf(texts.join('')).map((line) => {
    const parts = line.split(delimiter);
    return parts.length === 1
      ? line
      : fields.map((field) => parts[field - 1] ?? '').join(delimiter);
  });
  return put(call, shown);
};

/** `{print $1, $2}` with an optional pattern before it. */
const awk: Program = async (call) => {
  const program =
    /^\s*(?:\/(.*)\/|NR\s*==\s*(\d+))?\s*\{\s*print\s*([^}]*?);?\s*(?:;\s*exit)?\s*\}\s*$/.exec(
      call.args[0] ?? '',
    );
  const texts = await textsOf(call, call.args.slice(1));
  if (program === null) return 0;
  const [, pattern, row, list = ''] = program;
  const lines = linesOf(texts.join('')).filter(
    (line, index) =>
      (pattern === undefined || new RegExp(pattern).test(line)) &&
      (row === undefined || index + 1 === Number(row)),
  );
  const fieldOf = (line: string, field: string) =>
    field === '$0' || field === ''
      ? line
      : (line.trim().split(/\s+/)[Number(field.slice(1)) - 1] ?? '');
  return put(
    call,
    lines.map((line) =>
      list
        .split(/\s*,\s*/)
        .map((f) => fieldOf(line, f))
        .join(' '),
    ),
  );
};

const tr: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args);
  const [from = '', to = ''] = rest.map((set) =>
    set.replaceAll('\\n', '\n').replaceAll('\\t', '\t'),
  );
  const text = await call.streams.input.all();
  // A class is no list of its letters.
  const isSpace = from === '[:space:]';
  const isIn = (char: string) => (isSpace ? /\s/.test(char) : from.includes(char));
  const at = (char: string) => Math.min(isSpace ? 0 : from.indexOf(char), to.length - 1);
  const changed = Array.from(text, (char) => {
    if (!isIn(char)) return char;
    return flags.has('d') ? '' : (to[at(char)] ?? '');
  });
  const isRepeated = (char: string, index: number) =>
    flags.has('s') && to.includes(char) && changed[index - 1] === char;
  const shown = changed.filter((char, index) => !isRepeated(char, index));
  call.streams.out(shown.join(''));
  return 0;
};

const sort: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args);
  const lines = linesOf((await textsOf(call, rest)).join('')).toSorted();
  const isOnce = flags.has('u') || call.name === 'uniq';
  return put(call, isOnce ? [...new Set(lines)] : lines);
};

const base64: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args.filter((arg) => arg !== '0'));
  const texts = await textsOf(call, rest);
  const text = texts.join('');
  if (flags.has('d') || flags.has('--decode'))
    call.streams.out(Buffer.from(text, 'base64').toString());
  else call.streams.out(`${Buffer.from(text).toString('base64')}\n`);
  return texts.includes(undefined) ? 1 : 0;
};

/** Programs that work on lines. */
export const TEXT_PROGRAMS: readonly (readonly [name: string, program: Program])[] = [
  ['head', head],
  ['tail', tail],
  ['wc', wc],
  ['grep', grep],
  ['egrep', grep],
  ['fgrep', grep],
  ['sed', sed],
  ['cut', cut],
  ['awk', awk],
  ['tr', tr],
  ['sort', sort],
  ['uniq', sort],
  ['base64', base64],
];
