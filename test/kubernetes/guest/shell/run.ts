import { absolute } from '../file-system.ts';
import { expandAll, expandWhole, fits, type Capture } from './expand.ts';
import { parseScript } from './parser.ts';
import { PROGRAMS } from './programs.ts';
import { redirect } from './redirect.ts';
import { childScope, Leave, textInput, type Runner, type Scope, type Streams } from './scope.ts';
import { SyntaxFault, type Command, type ListItem } from './syntax.ts';

const RUNNER: Runner = { script: runScript, program: runProgram, file: runFile };

/** A loop that goes round more often than this and takes no time would hang this process. */
const MOST_IDLE_ROUNDS = 10_000;
const KILLED = 137;

/** Runs a script in a scope and answers its exit status. */
export async function runScript(source: string, scope: Scope, streams: Streams): Promise<number> {
  try {
    scope.status = await run(parseScript(source), scope, streams, false);
  } catch (error) {
    if (error instanceof Leave) scope.status = error.status;
    else if (error instanceof SyntaxFault && scope.tolerant) {
      scope.status = await runWhatIsKnown(source, scope, streams);
    } else if (error instanceof SyntaxFault) {
      streams.err(`sh: 1: Syntax error: ${error.message}\n`);
      scope.status = 2;
    } else throw error;
  }
  return scope.status;
}

/** A script that this shell cannot read: only its lines about kubeadm are done. */
async function runWhatIsKnown(source: string, scope: Scope, streams: Streams): Promise<number> {
  let status = 0;
  for (const line of source.split('\n')) {
    const known = /kubeadm (?:init|join|token)\b[^;]*/.exec(line)?.[0];
    if (known === undefined || isUnreadable(known)) continue;
    status = await runScript(known, childScope(scope), streams);
  }
  return status;
}

function isUnreadable(source: string): boolean {
  try {
    parseScript(source);
    return false;
  } catch {
    return true;
  }
}

/** Runs a program, function or file by its name. */
export async function runProgram(
  words: readonly string[],
  scope: Scope,
  streams: Streams,
): Promise<number> {
  const [name = '', ...args] = words;
  scope.signal.throwIfAborted();
  const definition = scope.functions.get(name);
  if (definition !== undefined) return callFunction(definition, words, scope, streams);
  const program = PROGRAMS.get(name.replace(/^\/(usr\/)?(local\/)?s?bin\//, ''));
  if (program !== undefined) return program({ name, args, streams, scope, run: RUNNER });
  if (name.includes('/')) return runPath(words, scope, streams);
  return runUnknown(name, scope, streams);
}

/** Runs a program by its path: a script that may be run, or something the image might have. */
function runPath(words: readonly string[], scope: Scope, streams: Streams): Promise<number> {
  const [name = ''] = words;
  const { files } = scope.computer;
  const path = absolute(name, scope.folder);
  if (!files.exists(path) && /^\/(usr|opt|s?bin|lib)\//.test(path) && scope.tolerant) {
    return Promise.resolve(runUnknown(name, scope, streams));
  }
  if (!files.exists(path) || (files.mode(path) & 0o111) > 0) return runFile(words, scope, streams);
  streams.err(`sh: 1: ${name}: Permission denied\n`);
  return Promise.resolve(126);
}

/** Runs a file as a script; one that is no text of a shell does nothing. */
export async function runFile(
  words: readonly string[],
  scope: Scope,
  streams: Streams,
): Promise<number> {
  const [name = ''] = words;
  const source = scope.computer.files.read(absolute(name, scope.folder));
  if (source === undefined) {
    streams.err(`sh: 1: ${name}: not found\n`);
    return 127;
  }
  return runScript(source, childScope(scope, { arguments: words, stopsAtFailure: false }), streams);
}

function runUnknown(name: string, scope: Scope, streams: Streams): number {
  scope.unknown.count += 1;
  if (scope.tolerant) return 0;
  streams.err(`bash: line 1: ${name}: command not found\n`);
  return 127;
}

async function callFunction(
  definition: Command,
  words: readonly string[],
  scope: Scope,
  streams: Streams,
): Promise<number> {
  const outer = scope.arguments;
  scope.arguments = words;
  try {
    return await run(definition, scope, streams, false);
  } catch (error) {
    if (error instanceof Leave && error.what === 'RETURN') return error.status;
    throw error;
  } finally {
    scope.arguments = outer;
  }
}

/** Runs a command; `checked` says that somebody looks at its status, so `set -e` does not. */
async function run(
  command: Command,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  const status = await runKind(command, scope, streams, checked);
  scope.status = status;
  const mayStop = command.kind === 'SIMPLE' || command.kind === 'PIPE' || command.kind === 'GROUP';
  const isInverted = command.kind === 'PIPE' && command.not;
  if (status !== 0 && scope.stopsAtFailure && mayStop && !checked && !isInverted) {
    throw new Leave('EXIT', status);
  }
  return status;
}

function runKind(
  command: Command,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  switch (command.kind) {
    case 'SIMPLE':
      return runSimple(command, scope, streams);
    case 'PIPE':
      return runPipe(command, scope, streams, checked);
    case 'LIST':
      return runList(command.items, scope, streams, checked);
    case 'IF':
      return runIf(command, scope, streams, checked);
    case 'LOOP':
      return runLoop(command, scope, streams, checked);
    case 'FOR':
      return runFor(command, scope, streams, checked);
    case 'CASE':
      return runCase(command, scope, streams, checked);
    case 'GROUP':
      return runGroup(command, scope, streams, checked);
    default:
      scope.functions.set(command.name, command.body);
      return Promise.resolve(0);
  }
}

type Of<K extends Command['kind']> = Extract<Command, { kind: K }>;

async function runSimple(command: Of<'SIMPLE'>, scope: Scope, streams: Streams): Promise<number> {
  const capture = captureIn(scope, streams);
  const words = await expandAll(command.words, scope, capture);
  const before = scope.status;
  scope.status = 0;
  // With a program they are its own, without one they are the script's.
  const inner = words.length === 0 ? scope : withVariables(scope, command.assignments.length > 0);
  for (const [name, value] of command.assignments) {
    inner.variables.set(name, await expandWhole(value, scope, capture));
  }
  const opened = await redirect(command.redirections, scope, streams, captureIn(scope, streams));
  if (typeof opened === 'number') return opened;
  if (words.length === 0) return scope.status;
  scope.status = before;
  return runProgram(words, inner, opened);
}

function withVariables(scope: Scope, hasOwn: boolean): Scope {
  return hasOwn ? childScope(scope) : scope;
}

function captureIn(scope: Scope, streams: Streams): Capture {
  return async (source) => {
    let text = '';
    const out = (more: string) => {
      text += more;
    };
    scope.status = await runScript(source, childScope(scope), { ...streams, out });
    return text;
  };
}

async function runPipe(
  command: Of<'PIPE'>,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  let { input } = streams;
  let status = 0;
  for (const [index, part] of command.parts.entries()) {
    let text = '';
    const keep = (more: string) => {
      text += more;
    };
    const isLast = index === command.parts.length - 1;
    const out = isLast ? streams.out : keep;
    const own = command.parts.length > 1 ? childScope(scope, { stopsAtFailure: false }) : scope;
    status = await within(() => run(part, own, { ...streams, input, out }, checked || command.not));
    input = textInput(text);
  }
  return command.not ? Number(status === 0) : status;
}

/** Leaving a part of a pipe leaves only that part. */
async function within(body: () => Promise<number>): Promise<number> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Leave && error.what === 'EXIT') return error.status;
    throw error;
  }
}

async function runList(
  items: readonly ListItem[],
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  let status = 0;
  let last: ListItem['joint'] = ';';
  for (const { command, joint } of items) {
    const isSkipped = (last === '&&' && status !== 0) || (last === '||' && status === 0);
    const isLooked = checked || joint === '&&' || joint === '||';
    if (!isSkipped && joint === '&') runBehind(command, childScope(scope), streams);
    else if (!isSkipped) status = await run(command, scope, streams, isLooked);
    last = joint;
  }
  return status;
}

/** What runs in the background ends with the power, and nobody hears how. */
function runBehind(command: Command, scope: Scope, streams: Streams): void {
  run(command, scope, streams, true).catch((error: unknown) => {
    if (!(error instanceof Leave) && !scope.signal.aborted) throw error;
  });
}

async function runIf(
  command: Of<'IF'>,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  for (const { when, body } of command.arms) {
    if ((await run(when, scope, streams, true)) === 0) return run(body, scope, streams, checked);
  }
  return command.otherwise === undefined ? 0 : run(command.otherwise, scope, streams, checked);
}

async function runLoop(
  command: Of<'LOOP'>,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  const { world } = scope.computer;
  let status = 0;
  let idle = 0;
  do {
    const [unknown, from] = [scope.unknown.count, world.elapsed()];
    const holds = (await run(command.when, scope, streams, true)) === 0;
    if (holds === command.until) return status;
    // What waits for something that is not simulated would wait for ever.
    if (scope.tolerant && scope.unknown.count > unknown) return status;
    if ((await runRound(command.body, scope, streams, checked)) === 'BREAK') return 0;
    ({ status } = scope);
    idle = world.elapsed() > from ? 0 : idle + 1;
    if (idle > MOST_IDLE_ROUNDS) throw new Leave('EXIT', KILLED);
  } while (!isService(command));
  return status;
}

/** Whether it goes round for ever, as services do: once is enough to see what it does. */
function isService({ until, when, body }: Of<'LOOP'>): boolean {
  const [first] = when.kind === 'LIST' ? when.items : [];
  const words = first?.command.kind === 'SIMPLE' ? first.command.words : [];
  const isEndless = !until && words.length === 1 && /"text":"(true|:)"/.test(JSON.stringify(words));
  return isEndless && !/"text":"(break|exit|return)"/.test(JSON.stringify(body));
}

async function runRound(
  body: Command,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<'BREAK' | 'ON'> {
  try {
    await run(body, scope, streams, checked);
  } catch (error) {
    if (!(error instanceof Leave)) throw error;
    if (error.what === 'BREAK') return 'BREAK';
    if (error.what !== 'CONTINUE') throw error;
  }
  return 'ON';
}

async function runFor(
  command: Of<'FOR'>,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  const values = await expandAll(command.words, scope, captureIn(scope, streams));
  scope.status = 0;
  for (const value of values) {
    scope.variables.set(command.name, value);
    if ((await runRound(command.body, scope, streams, checked)) === 'BREAK') return 0;
  }
  return scope.status;
}

async function runCase(
  command: Of<'CASE'>,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  const capture = captureIn(scope, streams);
  const text = await expandWhole(command.word, scope, capture);
  for (const { patterns, body } of command.arms) {
    for (const pattern of patterns) {
      if (await fits(text, pattern, scope, capture)) return run(body, scope, streams, checked);
    }
  }
  return 0;
}

async function runGroup(
  command: Of<'GROUP'>,
  scope: Scope,
  streams: Streams,
  checked: boolean,
): Promise<number> {
  const opened = await redirect(command.redirections, scope, streams, captureIn(scope, streams));
  if (typeof opened === 'number') return opened;
  if (!command.apart) return run(command.body, scope, opened, checked);
  return within(() => run(command.body, childScope(scope), opened, checked));
}
