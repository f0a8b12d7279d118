import {
  isFolder,
  isOverfull,
  mayHold,
  namesIn,
  readFile,
  withFile,
  withFolder,
  withoutFile,
  type Files,
} from './disk.ts';

/** A guest as its commands see it. */
export interface Guest {
  readonly hostname: string;
  readonly files: Files;
  readonly stdin: string;
}

/** What a command did: what it printed, the disk it leaves, the guest's seconds it takes. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly files: Files;
  readonly seconds: number;
}

type Command = (guest: Guest, args: readonly string[]) => Partial<CommandResult>;

/** Runs a command as a small Linux would: no shell, no expansion, arguments are data. */
export function runCommand(guest: Guest, argv: readonly string[]): CommandResult {
  const [name = '', ...args] = argv;
  const command = COMMANDS.get(name.replace(/^(\/usr)?\/bin\//, ''));
  const result = command?.(guest, args) ?? failed(127, `${name}: not found`);
  return { exitCode: 0, stdout: '', stderr: '', files: guest.files, seconds: 0, ...result };
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['true', () => ({})],
  ['false', () => ({ exitCode: 1 })],
  ['echo', (_, args) => echo(args)],
  ['hostname', ({ hostname }) => ({ stdout: `${hostname}\n` })],
  ['uname', ({ hostname }, args) => ({ stdout: `${uname(hostname, args[0])}\n` })],
  ['sleep', (_, args) => sleep(args[0])],
  ['cat', cat],
  ['tee', tee],
  ['rm', rm],
  ['mkdir', mkdir],
  ['ls', ls],
]);

function failed(exitCode: number, ...lines: readonly string[]): Partial<CommandResult> {
  return { exitCode, stderr: lines.map((line) => `${line}\n`).join('') };
}

function echo(args: readonly string[]): Partial<CommandResult> {
  return args[0] === '-n' ? { stdout: args.slice(1).join(' ') } : { stdout: `${args.join(' ')}\n` };
}

function uname(hostname: string, flag: string | undefined): string {
  if (flag === '-a') return `Linux ${hostname} 6.12.0-simulated x86_64 GNU/Linux`;
  if (flag === '-r') return '6.12.0-simulated';
  return flag === '-n' ? hostname : 'Linux';
}

function sleep(seconds: string | undefined): Partial<CommandResult> {
  if (seconds === undefined) return failed(1, 'sleep: missing operand');
  const isTime = /^\d+(\.\d+)?$/.test(seconds);
  return isTime
    ? { seconds: Number(seconds) }
    : failed(1, `sleep: invalid time interval '${seconds}'`);
}

function cat(guest: Guest, args: readonly string[]): Partial<CommandResult> {
  const paths = args.length === 0 ? ['-'] : args;
  const parts = paths.map((path) => ({ path, content: contentFor(guest, path) }));
  const missing = parts.filter(({ content }) => content === undefined);
  return {
    exitCode: missing.length === 0 ? 0 : 1,
    stdout: parts.map(({ content }) => content ?? '').join(''),
    stderr: missing.map(({ path }) => `cat: ${path}: ${whyUnreadable(guest, path)}\n`).join(''),
  };
}

function contentFor(guest: Guest, path: string): string | undefined {
  return path === '-' ? guest.stdin : readFile(guest.files, path);
}

function whyUnreadable(guest: Guest, path: string): string {
  return isFolder(guest.files, path) ? 'Is a directory' : 'No such file or directory';
}

function tee(guest: Guest, args: readonly string[]): Partial<CommandResult> {
  const append = args[0] === '-a';
  const paths = append ? args.slice(1) : args;
  const refused = paths.filter((path) => !mayHold(guest.files, path));
  let { files } = guest;
  for (const path of paths.filter((each) => !refused.includes(each))) {
    const start = append ? (readFile(files, path) ?? '') : '';
    files = withFile(files, path, start + guest.stdin);
  }
  const stderr = refused.map((path) => `tee: ${path}: ${whyUnreadable(guest, path)}\n`).join('');
  if (isOverfull(files)) return failed(1, `tee: ${paths.join(' ')}: No space left on device`);
  return { exitCode: refused.length === 0 ? 0 : 1, stdout: guest.stdin, stderr, files };
}

function rm(guest: Guest, args: readonly string[]): Partial<CommandResult> {
  const force = args[0] === '-f';
  const lines: string[] = [];
  let { files } = guest;
  for (const path of force ? args.slice(1) : args) {
    const isFile = readFile(files, path) !== undefined;
    if (!isFile && !force) lines.push(`rm: cannot remove '${path}': ${whyUnreadable(guest, path)}`);
    files = withoutFile(files, path);
  }
  return { ...failed(lines.length === 0 ? 0 : 1, ...lines), files };
}

function mkdir(guest: Guest, args: readonly string[]): Partial<CommandResult> {
  const parents = args[0] === '-p';
  const lines: string[] = [];
  let { files } = guest;
  for (const path of parents ? args.slice(1) : args) {
    const why = parents ? undefined : whyNoFolder(files, path);
    if (why === undefined) files = withFolder(files, path);
    else lines.push(`mkdir: cannot create directory '${path}': ${why}`);
  }
  return { ...failed(lines.length === 0 ? 0 : 1, ...lines), files };
}

function whyNoFolder(files: Files, path: string): string | undefined {
  if (isFolder(files, path) || readFile(files, path) !== undefined) return 'File exists';
  return mayHold(files, path) ? undefined : 'No such file or directory';
}

function ls(guest: Guest, args: readonly string[]): Partial<CommandResult> {
  const [path = '.'] = args.filter((arg) => !arg.startsWith('-'));
  if (readFile(guest.files, path) !== undefined) return { stdout: `${path}\n` };
  if (!isFolder(guest.files, path)) {
    return failed(2, `ls: cannot access '${path}': No such file or directory`);
  }
  return {
    stdout: namesIn(guest.files, path)
      .map((name) => `${name}\n`)
      .join(''),
  };
}
