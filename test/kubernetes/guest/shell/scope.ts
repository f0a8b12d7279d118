import type { Computer } from '../computer.ts';
import type { Command } from './syntax.ts';

/** What a program reads. */
export interface Input {
  /** All that is left, once its writer has ended it. */
  all(): Promise<string>;
  /** The next line, or undefined at the end. */
  line(): Promise<string | undefined>;
}

/** What a program is connected to. */
export interface Streams {
  readonly input: Input;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Where a command runs: as whom, in which folder, with which variables. */
export interface Scope {
  readonly computer: Computer;
  /** Ends what runs: the power is cut, or a time limit reached. */
  readonly signal: AbortSignal;
  readonly variables: Map<string, string>;
  readonly functions: Map<string, Command>;
  /** `$0` first. */
  arguments: readonly string[];
  user: string;
  folder: string;
  status: number;
  /** The rights that new files do not get. */
  umask: number;
  /** `set -e`. */
  stopsAtFailure: boolean;
  /** Whether a program that is not there counts as one that has nothing to do here. */
  readonly tolerant: boolean;
  /** How many such programs were met; shared by all scopes of a script. */
  readonly unknown: { count: number };
}

/** A program that is called. */
export interface Call {
  readonly name: string;
  /** Without its name. */
  readonly args: readonly string[];
  readonly streams: Streams;
  readonly scope: Scope;
  readonly run: Runner;
}

/** The shell, for programs that run others. */
export interface Runner {
  script(source: string, scope: Scope, streams: Streams): Promise<number>;
  program(words: readonly string[], scope: Scope, streams: Streams): Promise<number>;
  file(words: readonly string[], scope: Scope, streams: Streams): Promise<number>;
}

/** A program: answers its exit status. */
export type Program = (call: Call) => number | Promise<number>;

/** Leaves the script, a function or a loop. */
export class Leave extends Error {
  override readonly name = 'Leave';
  readonly what: 'EXIT' | 'RETURN' | 'BREAK' | 'CONTINUE';
  readonly status: number;
  constructor(what: Leave['what'], status: number) {
    super(what);
    this.what = what;
    this.status = status;
  }
}

/** The scope of a new process: it inherits, and what it changes stays its own. */
export function childScope(scope: Scope, changes: Partial<Scope> = {}): Scope {
  return {
    ...scope,
    variables: new Map(scope.variables),
    functions: new Map(scope.functions),
    ...changes,
  };
}

/** The scope of a login. */
export function loginScope(
  computer: Computer,
  user: string,
  options: { readonly tolerant: boolean; readonly signal: AbortSignal },
): Scope {
  const home = homeOf(user);
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return {
    computer,
    user,
    folder: home,
    variables: new Map([
      ['HOME', home],
      ['USER', user],
      ['PATH', path],
      ['SHELL', '/bin/bash'],
    ]),
    functions: new Map(),
    arguments: ['bash'],
    status: 0,
    umask: 0o022,
    stopsAtFailure: false,
    unknown: { count: 0 },
    ...options,
  };
}

/** A user's own folder. */
export function homeOf(user: string): string {
  return user === 'root' ? '/root' : `/home/${user}`;
}

/** An input of which all is known. */
export function textInput(text: string): Input {
  let left = text;
  return {
    all: () => {
      const all = left;
      left = '';
      return Promise.resolve(all);
    },
    line: () => {
      if (left === '') return Promise.resolve(undefined);
      const end = left.indexOf('\n');
      const line = end < 0 ? left : left.slice(0, end);
      left = end < 0 ? '' : left.slice(end + 1);
      return Promise.resolve(line);
    },
  };
}
