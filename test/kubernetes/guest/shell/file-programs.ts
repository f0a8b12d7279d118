import { absolute, folderOf } from '../file-system.ts';
import { patternOf } from './expand.ts';
import type { Call, Program } from './scope.ts';

/** Splits arguments into flags (`-rf` is `r` and `f`) and the rest. */
export function flagsOf(args: readonly string[]): { flags: Set<string>; rest: string[] } {
  const flags = new Set<string>();
  const rest: string[] = [];
  let isOver = false;
  for (const arg of args) {
    if (!isOver && arg === '--') isOver = true;
    else if (!isOver && arg.startsWith('--')) flags.add(arg);
    else if (!isOver && /^-[^-]/.test(arg)) for (const flag of arg.slice(1)) flags.add(flag);
    else rest.push(arg);
  }
  return { flags, rest };
}

/** Writes an error as GNU programs do, and answers the status. */
export function complain(call: Call, text: string, status = 1): number {
  call.streams.err(`${call.name.replace(/^.*\//, '')}: ${text}\n`);
  return status;
}

/** Reads a file, or says why not. */
function readFor(call: Call, name: string): string | undefined {
  const { files } = call.scope.computer;
  const path = absolute(name, call.scope.folder);
  if (path === '/dev/null') return '';
  const text = files.read(path);
  if (text !== undefined && files.mayRead(path, call.scope.user)) return text;
  const reason = text === undefined ? missing(files.isFolder(path)) : 'Permission denied';
  complain(call, `${name}: ${reason}`);
  return undefined;
}

function missing(isFolder: boolean): string {
  return isFolder ? 'Is a directory' : 'No such file or directory';
}

/** The texts of the named files, or of the input where none is named. */
export async function textsOf(
  call: Call,
  names: readonly string[],
): Promise<(string | undefined)[]> {
  if (names.length === 0) return [await call.streams.input.all()];
  const texts: (string | undefined)[] = [];
  for (const name of names) {
    texts.push(name === '-' ? await call.streams.input.all() : readFor(call, name));
  }
  return texts;
}

/** Whether a path may be changed; says why not. */
function mayChange(call: Call, name: string, doing: string): boolean {
  const { files } = call.scope.computer;
  if (files.mayWrite(absolute(name, call.scope.folder), call.scope.user)) return true;
  complain(call, `${doing} '${name}': Permission denied`);
  return false;
}

const cat: Program = async (call) => {
  const texts = await textsOf(call, flagsOf(call.args).rest);
  for (const text of texts) call.streams.out(text ?? '');
  return texts.includes(undefined) ? 1 : 0;
};

const tee: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args);
  const text = await call.streams.input.all();
  call.streams.out(text);
  const done = rest.map((name) => write(call, name, text, flags.has('a')));
  return done.includes(false) ? 1 : 0;
};

function write(call: Call, name: string, text: string, append = false): boolean {
  const { files } = call.scope.computer;
  const path = absolute(name, call.scope.folder);
  if (path === '/dev/null') return true;
  if (!files.isFolder(folderOf(path))) {
    return complain(call, `${name}: No such file or directory`) === 0;
  }
  if (!files.mayWrite(path, call.scope.user)) {
    return complain(call, `${name}: Permission denied`) === 0;
  }
  files.write(path, append ? (files.read(path) ?? '') + text : text, call.scope.user);
  return true;
}

const rm: Program = (call) => {
  const { flags, rest } = flagsOf(call.args);
  const { files } = call.scope.computer;
  const isDeep = flags.has('r') || flags.has('R') || flags.has('--recursive');
  let status = 0;
  for (const name of rest) {
    const path = absolute(name, call.scope.folder);
    if (!files.exists(path)) {
      if (!flags.has('f'))
        status = complain(call, `cannot remove '${name}': No such file or directory`);
    } else if (files.isFolder(path) && !isDeep) {
      status = complain(call, `cannot remove '${name}': Is a directory`);
    } else if (mayChange(call, name, 'cannot remove')) files.remove(path);
    else status = 1;
  }
  return status;
};

const mkdir: Program = (call) => {
  const { flags, rest } = flagsOf(withoutValues(call.args, ['-m']));
  const { files } = call.scope.computer;
  let status = 0;
  for (const name of rest) {
    const path = absolute(name, call.scope.folder);
    if (files.exists(path)) {
      if (!flags.has('p'))
        status = complain(call, `cannot create directory '${name}': File exists`);
    } else if (!flags.has('p') && !files.isFolder(folderOf(path))) {
      status = complain(call, `cannot create directory '${name}': No such file or directory`);
    } else if (mayChangeBelow(call, path, name)) makeFolders(call, path);
    else status = 1;
  }
  return status;
};

function makeFolders(call: Call, path: string): void {
  const { files } = call.scope.computer;
  if (!files.isFolder(folderOf(path))) makeFolders(call, folderOf(path));
  files.makeFolder(path, call.scope.user);
}

/** The nearest folder that exists decides. */
function mayChangeBelow(call: Call, path: string, name: string): boolean {
  const { files } = call.scope.computer;
  let at = path;
  while (!files.exists(folderOf(at))) at = folderOf(at);
  if (files.mayWrite(at, call.scope.user)) return true;
  return complain(call, `cannot create directory '${name}': Permission denied`) === 0;
}

function withoutValues(args: readonly string[], valued: readonly string[]): string[] {
  return args.filter((arg, at) => !valued.includes(arg) && !valued.includes(args[at - 1] ?? ''));
}

const touch: Program = (call) => {
  const { rest } = flagsOf(call.args);
  const done = rest.map((name) => write(call, name, '', true));
  return done.includes(false) ? 1 : 0;
};

const truncate: Program = (call) => {
  const { rest } = flagsOf(withoutValues(call.args, ['-s', '--size']));
  const done = rest.map((name) => write(call, name, ''));
  return done.includes(false) ? 1 : 0;
};

const ls: Program = (call) => {
  const { flags, rest } = flagsOf(call.args);
  const { files } = call.scope.computer;
  const isAll = flags.has('A') || flags.has('a');
  let status = 0;
  for (const name of rest.length === 0 ? ['.'] : rest) {
    const path = absolute(name, call.scope.folder);
    const names = files.list(path).filter((entry) => isAll || !entry.startsWith('.'));
    if (!files.exists(path)) {
      status = complain(call, `cannot access '${name}': No such file or directory`, 2);
    } else if (files.isFolder(path) && !flags.has('d')) {
      call.streams.out(names.map((entry) => `${entry}\n`).join(''));
    } else call.streams.out(`${name}\n`);
  }
  return status;
};

/** `cp`, `mv`, `install` and `ln`: links are copies. */
const copy: Program = (call) => {
  const { flags, rest } = flagsOf(withoutValues(call.args, ['-m', '-o', '-g', '--mode']));
  const { files } = call.scope.computer;
  if (call.name.endsWith('install') && flags.has('d'))
    return mkdir({ ...call, args: ['-p', ...rest] });
  const to = rest.at(-1) ?? '';
  const target = absolute(to, call.scope.folder);
  let status = 0;
  for (const name of rest.slice(0, -1)) {
    const from = absolute(name, call.scope.folder);
    const path = files.isFolder(target) ? `${target}/${name.split('/').at(-1) ?? ''}` : target;
    status = Math.max(status, copyOne(call, { name, from, path }));
  }
  return status;
};

function copyOne(
  call: Call,
  { name, from, path }: Record<'name' | 'from' | 'path', string>,
): number {
  const { files } = call.scope.computer;
  const isMove = call.name.endsWith('mv');
  const below = files.isFolder(from) ? files.walk(from) : [];
  const sources = [from, ...below].filter((source) => files.read(source) !== undefined);
  if (!files.exists(from)) {
    return complain(call, `cannot stat '${name}': No such file or directory`);
  }
  if (below.length > 0) files.makeFolder(path, call.scope.user);
  for (const source of sources) {
    const text = readFor(call, source);
    const target = path + source.slice(from.length);
    if (text === undefined || !write(call, target, text)) return 1;
    if (files.mode(target) !== files.mode(source)) files.setMode(target, files.mode(source));
  }
  if (isMove) files.remove(from);
  return 0;
}

const chmod: Program = (call) => {
  const { rest } = flagsOf(call.args);
  const [mode = '', ...names] = rest;
  return change(call, names, (path) => {
    if (/^[0-7]+$/.test(mode)) call.scope.computer.files.setMode(path, Number.parseInt(mode, 8));
  });
};

const chown: Program = (call) => {
  const [owner = '', ...names] = flagsOf(call.args).rest;
  const user = /^\d+$/.test(owner.split(':')[0] ?? '')
    ? call.scope.user
    : (owner.split(':')[0] ?? '');
  const name = owner.startsWith('0') ? 'root' : user;
  return change(call, names, (path) => call.scope.computer.files.setOwner(path, name));
};

function change(call: Call, names: readonly string[], act: (path: string) => void): number {
  const { files } = call.scope.computer;
  let status = 0;
  for (const name of names) {
    const path = absolute(name, call.scope.folder);
    if (files.exists(path)) [path, ...files.walk(path)].forEach(act);
    else status = complain(call, `cannot access '${name}': No such file or directory`);
  }
  return status;
}

const stat: Program = (call) => {
  const { files } = call.scope.computer;
  const at = call.args.findIndex((arg) => arg === '-c' || arg === '--format');
  const format = at < 0 ? '  File: %n\n  Size: %s' : (call.args[at + 1] ?? '');
  const names = flagsOf(withoutValues(call.args, ['-c', '--format'])).rest;
  let status = 0;
  for (const name of names) {
    const path = absolute(name, call.scope.folder);
    if (!files.exists(path)) {
      status = complain(call, `cannot statx '${name}': No such file or directory`);
      continue;
    }
    const shown: Record<string, string> = {
      '%n': name,
      '%s': String(Buffer.byteLength(files.read(path) ?? '')),
      '%a': files.mode(path).toString(8),
      '%U': files.owner(path),
      '%F': files.isFolder(path) ? 'directory' : 'regular file',
    };
    call.streams.out(`${format.replaceAll(/%\w/g, (field) => shown[field] ?? field)}\n`);
  }
  return status;
};

const find: Program = async (call) => {
  const { files } = call.scope.computer;
  const start = call.args.findIndex((arg) => arg.startsWith('-'));
  const roots = start < 0 ? call.args : call.args.slice(0, start);
  const tests = start < 0 ? [] : call.args.slice(start);
  let status = 0;
  for (const root of roots.length === 0 ? ['.'] : roots) {
    const path = absolute(root, call.scope.folder);
    if (!files.exists(path)) {
      status = complain(call, `'${root}': No such file or directory`);
      continue;
    }
    const found = [path, ...files.walk(path)].filter((each) => isFound(call, tests, path, each));
    status = Math.max(status, await actOn(call, tests, found, `${root}\0${path}`));
  }
  return status;
};

/** `-delete`, `-exec ... {} +` or `\\;`, or else their names. */
async function actOn(
  call: Call,
  tests: readonly string[],
  found: readonly string[],
  names: string,
): Promise<number> {
  const { files } = call.scope.computer;
  const [root = '', path = ''] = names.split('\0');
  const at = tests.indexOf('-exec');
  if (at >= 0) return execute(call, tests.slice(at + 1), found);
  for (const each of found) {
    if (tests.includes('-delete')) files.remove(each);
    else call.streams.out(`${root}${each.slice(path.length)}\n`);
  }
  return 0;
}

async function execute(
  call: Call,
  words: readonly string[],
  found: readonly string[],
): Promise<number> {
  const end = words.findIndex((word) => word === '+' || word === ';');
  const command = words.slice(0, end).filter((word) => word !== '{}');
  const groups = words[end] === '+' ? [found] : found.map((each) => [each]);
  let status = 0;
  for (const group of groups.filter(({ length }) => length > 0)) {
    status = Math.max(
      status,
      await call.run.program([...command, ...group], call.scope, call.streams),
    );
  }
  return status;
}

function isFound(call: Call, tests: readonly string[], root: string, path: string): boolean {
  const { files } = call.scope.computer;
  const valueOf = (test: string) => {
    const at = tests.indexOf(test);
    return at < 0 ? undefined : tests[at + 1];
  };
  const name = valueOf('-name');
  const pattern = name === undefined ? undefined : patternOf([{ text: name, quoted: false }]);
  const depth = path === root ? 0 : path.slice(root.length + 1).split('/').length;
  const isFolder = files.isFolder(path);
  return (
    (pattern === undefined || pattern.test(path.slice(path.lastIndexOf('/') + 1))) &&
    depth >= Number(valueOf('-mindepth') ?? 0) &&
    depth <= Number(valueOf('-maxdepth') ?? Infinity) &&
    (valueOf('-type') === undefined || (valueOf('-type') === 'd') === isFolder)
  );
}

/** Programs that work on files. */
export const FILE_PROGRAMS: readonly (readonly [name: string, program: Program])[] = [
  ['cat', cat],
  ['tee', tee],
  ['rm', rm],
  ['mkdir', mkdir],
  ['touch', touch],
  ['truncate', truncate],
  ['ls', ls],
  ['cp', copy],
  ['mv', copy],
  ['ln', copy],
  ['install', copy],
  ['chmod', chmod],
  ['chown', chown],
  ['stat', stat],
  ['find', find],
];
