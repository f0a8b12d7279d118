import { absolute } from '../file-system.ts';
import { complain } from './file-programs.ts';
import { childScope, homeOf, Leave, type Program } from './scope.ts';
import { testHolds } from './test-program.ts';

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '0': '\0' };
const unescape = (text: string) =>
  text.replaceAll(/\\([ntr0\\])/g, (whole, char: string) => ESCAPES[char] ?? whole);

const echo: Program = ({ args, streams }) => {
  const options = args.findIndex((arg) => !/^-[neE]+$/.test(arg));
  const flags = args.slice(0, options < 0 ? args.length : options).join('');
  const text = args.slice(options < 0 ? args.length : options).join(' ');
  streams.out((flags.includes('e') ? unescape(text) : text) + (flags.includes('n') ? '' : '\n'));
  return 0;
};

const printf: Program = ({ args, streams }) => {
  const [format = '', ...values] = args[0] === '--' ? args.slice(1) : args;
  const left = [...values];
  do {
    const text = unescape(format).replaceAll(/%(-?\d*)([sdbqi%])/g, (_, width: string, kind) => {
      if (kind === '%') return '%';
      const value = left.shift() ?? (kind === 'd' ? '0' : '');
      return width.startsWith('-') ? value.padEnd(-Number(width)) : value.padStart(Number(width));
    });
    streams.out(text);
  } while (left.length > 0 && /%-?\d*[sdbqi]/.test(format));
  return 0;
};

const set: Program = ({ args, scope }) => {
  args.forEach((arg, at) => {
    if (/^[-+]\w*e/.test(arg) && args[at - 1] !== '-o') scope.stopsAtFailure = arg.startsWith('-');
    if (arg === 'errexit') scope.stopsAtFailure = args[at - 1] === '-o';
  });
  const own = args.indexOf('--');
  if (own >= 0) scope.arguments = [scope.arguments[0] ?? 'sh', ...args.slice(own + 1)];
  return 0;
};

const assign: Program = ({ args, scope }) => {
  for (const arg of args) {
    const [name = '', ...value] = arg.split('=');
    if (value.length > 0) scope.variables.set(name, value.join('='));
  }
  return 0;
};

const leave =
  (what: Leave['what']): Program =>
  ({ args, scope }) => {
    throw new Leave(what, args[0] === undefined ? scope.status : Number(args[0]));
  };

const read: Program = async ({ args, scope, streams }) => {
  const names = args.filter((arg) => !arg.startsWith('-'));
  const line = await streams.input.line();
  const words = (line ?? '').trim().split(/\s+/);
  names.forEach((name, at) => {
    const isLast = at === names.length - 1;
    scope.variables.set(name, isLast ? words.slice(at).join(' ') : (words[at] ?? ''));
  });
  return line === undefined ? 1 : 0;
};

const cd: Program = (call) => {
  const path = absolute(call.args[0] ?? homeOf(call.scope.user), call.scope.folder);
  const { files } = call.scope.computer;
  if (!files.isFolder(path)) return complain(call, `${call.args[0]}: No such file or directory`);
  call.scope.folder = path;
  return 0;
};

/** `sh file`, `sh -c text`, `sh -s` and plain `sh`, which reads its input. */
const sh: Program = async ({ args, scope, streams, run }) => {
  const flags = args.slice(0, args.findIndex((arg) => !/^[-+]/.test(arg)) >>> 0);
  const rest = args.slice(flags.length);
  if (rest[0] === 'pipefail' || rest[0] === 'errexit') rest.shift();
  const stopsAtFailure = flags.some((flag) => /^-[a-z]*e/.test(flag) && !flag.startsWith('--'));
  if (flags.some((flag) => /^-[a-z]*c/.test(flag))) {
    const [source = '', ...words] = rest;
    const own = childScope(scope, { arguments: words.length > 0 ? words : ['sh'], stopsAtFailure });
    return run.script(source, own, streams);
  }
  if (rest.length > 0 && !flags.includes('-s')) return run.file(rest, scope, streams);
  const source = await streams.input.all();
  return run.script(
    source,
    childScope(scope, { arguments: ['sh', ...rest], stopsAtFailure }),
    streams,
  );
};

const source: Program = async (call) => {
  const path = absolute(call.args[0] ?? '', call.scope.folder);
  const text = call.scope.computer.files.read(path);
  if (text === undefined) return complain(call, `${call.args[0]}: No such file or directory`);
  return call.run.script(text, call.scope, call.streams);
};

const sudo: Program = (call) => {
  const { args, scope } = call;
  let user = 'root';
  let at = 0;
  for (; args[at]?.startsWith('-') === true && args[at] !== '--'; at += 1) {
    if (args[at] === '-u' || args[at] === '--user') user = args[(at += 1)] ?? user;
    else if (args[at] === '-l') return 0;
  }
  if (args[at] === '--') at += 1;
  const sudoers = scope.computer.files.read('/etc/sudoers.d/90-cloud-init-users') ?? '';
  const isAllowed =
    scope.user === 'root' || new RegExp(`^${scope.user} .*NOPASSWD`, 'm').test(sudoers);
  if (!isAllowed) return complain(call, 'a password is required');
  const inner = childScope(scope, { user });
  inner.variables.set('HOME', homeOf(user)).set('USER', user);
  return env({ ...call, args: args.slice(at), scope: inner });
};

const env: Program = ({ args, scope, streams, run }) => {
  const inner = childScope(scope);
  let at = 0;
  for (; /^\w+=|^-/.test(args[at] ?? ''); at += 1) {
    const [name = '', ...value] = (args[at] ?? '').split('=');
    if (!name.startsWith('-')) inner.variables.set(name, value.join('='));
  }
  if (at < args.length) return run.program(args.slice(at), inner, streams);
  streams.out([...inner.variables].map(([name, value]) => `${name}=${value}\n`).join(''));
  return 0;
};

/** `nohup`, `exec`, `command`, `nice` and others that only run what follows. */
const passOn: Program = ({ args, scope, streams, run }) => {
  const rest = args.slice(args.findIndex((arg) => !arg.startsWith('-')) >>> 0);
  return rest.length === 0 ? 0 : run.program(rest, scope, streams);
};

/** Milliseconds of `5`, `0.5s`, `2m`, `1h`. */
export function durationOf(text: string): number {
  const [, number = '0', unit = 's'] = /^([\d.]+)(ms|[smhd])?$/.exec(text) ?? [];
  const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(number) * (units[unit] ?? 1_000);
}

const sleep: Program = async ({ args, scope }) => {
  const ms = args.reduce((sum, arg) => sum + durationOf(arg), 0);
  await scope.computer.world.sleep(ms, scope.signal);
  return 0;
};

const timeout: Program = async ({ args, scope, streams, run }) => {
  let at = 0;
  for (; args[at]?.startsWith('-') === true; at += 1) if (/^-[ks]$/.test(args[at] ?? '')) at += 1;
  const up = new AbortController();
  const cancel = scope.computer.world.after(durationOf(args[at] ?? '0'), () => up.abort());
  const signal = AbortSignal.any([scope.signal, up.signal]);
  try {
    return await run.program(args.slice(at + 1), childScope(scope, { signal }), streams);
  } catch (error) {
    if (up.signal.aborted && !scope.signal.aborted && !(error instanceof Leave)) return 124;
    throw error;
  } finally {
    cancel();
  }
};

const test: Program = (call) => {
  const isBracket = call.name.startsWith('[');
  const words = isBracket ? call.args.slice(0, -1) : call.args;
  return testHolds(words, call.scope) ? 0 : 1;
};

const evaluate: Program = ({ args, scope, streams, run }) =>
  run.script(args.join(' '), scope, streams);

const shift: Program = ({ args, scope }) => {
  const [zero = 'sh', ...rest] = scope.arguments;
  scope.arguments = [zero, ...rest.slice(Number(args[0] ?? 1))];
  return 0;
};

const pwd: Program = ({ scope, streams }) => {
  streams.out(`${scope.folder}\n`);
  return 0;
};

const seq: Program = ({ args, streams }) => {
  const [first, step, last] = [
    args.length > 1 ? args[0] : 1,
    args.length > 2 ? args[1] : 1,
    args.at(-1),
  ];
  for (let at = Number(first); at <= Number(last); at += Number(step) || 1) streams.out(`${at}\n`);
  return 0;
};

const umask: Program = ({ args, scope, streams }) => {
  if (args[0] === undefined) streams.out(`${scope.umask.toString(8).padStart(4, '0')}\n`);
  else scope.umask = Number.parseInt(args[0], 8);
  return 0;
};

const unset: Program = ({ args, scope }) => {
  for (const name of args) scope.variables.delete(name);
  return 0;
};

const yes = () => 0;

/** What shells have built in, and programs that run others. */
export const BASIC_PROGRAMS: readonly (readonly [name: string, program: Program])[] = [
  ['echo', echo],
  ['printf', printf],
  ['true', yes],
  [':', yes],
  ['false', () => 1],
  ['set', set],
  ['export', assign],
  ['local', assign],
  ['readonly', assign],
  ['declare', assign],
  ['unset', unset],
  ['exit', leave('EXIT')],
  ['return', leave('RETURN')],
  ['break', leave('BREAK')],
  ['continue', leave('CONTINUE')],
  ['read', read],
  ['cd', cd],
  ['pwd', pwd],
  ['sh', sh],
  ['bash', sh],
  ['dash', sh],
  ['.', source],
  ['source', source],
  ['sudo', sudo],
  ['env', env],
  ['exec', passOn],
  ['nohup', passOn],
  ['nice', passOn],
  ['setsid', passOn],
  ['sleep', sleep],
  ['timeout', timeout],
  ['test', test],
  ['[', test],
  ['[[', test],
  ['eval', evaluate],
  ['shift', shift],
  ['seq', seq],
  ['trap', yes],
  ['umask', umask],
  ['wait', yes],
  ['history', yes],
  ['shopt', yes],
  ['ulimit', yes],
];
