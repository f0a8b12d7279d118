import type { Duplex } from 'node:stream';
import type { World } from '../../world.ts';
import { ProviderError, type RunResult } from '../provider.ts';
import { escapeBytes, timespec } from './escapes.ts';
import { onLine } from './socket.ts';
import { type Limit, within } from './within.ts';

const LONGEST_LINE = 64 * 1024;
const LONGEST_OUTPUT = 1024 * 1024;
const LONGEST_INPUT = 1024 * 1024;
/** xargs in the guest takes no more than 32 KiB; the rest is left for its own words. */
const LONGEST_ARGUMENTS = 24 * 1024;
const INPUT_PIECE = 4 * 1024;

/** What a guest gets of its own when it is woken. */
export interface Identity {
  readonly hostname: string | null;
  readonly machineId: string | null;
}

interface Request {
  readonly answer: (word: string, data: string) => void;
  readonly fail: (error: Error) => void;
}

/** A conversation with the agent in one guest. Its side of it is `image/guest/agent.sh`. */
export class Agent {
  readonly #world: World;
  readonly #socket: Duplex;
  readonly #requests = new Map<string, Request>();
  /** Answers to an earlier connection may still arrive: they carry another name. */
  readonly #name: string;
  #count = 0;

  constructor(world: World, socket: Duplex) {
    this.#world = world;
    this.#socket = socket;
    this.#name = world.secret(4);
    onLine(socket, LONGEST_LINE, (line) => this.#receive(line));
    socket.once('close', () => this.#end());
  }

  /** Resolves when the guest answers. */
  async ping(limit: Limit): Promise<void> {
    await this.#ask('ping', [], limit);
  }

  /** New randomness, the present time and an identity; answers the turn marks. */
  async wake(identity: Identity, limit: Limit): Promise<string[]> {
    const { hostname, machineId } = identity;
    const given = [...this.#timeAndSeed(), hostname ?? '-', machineId ?? '-'];
    return words(await this.#ask('wake', given, limit));
  }

  /** All that a wake does, with new randomness, but the guest keeps its identity. */
  async rehearse(limit: Limit): Promise<void> {
    await this.#ask('rehearse', this.#timeAndSeed(), limit);
  }

  /** The letters of the seed go into the guest's generator as they are. */
  #timeAndSeed(): string[] {
    const seed = Buffer.from(this.#world.secret(32), 'hex').toString('base64url');
    return [escapeBytes(timespec(this.#world.now())), seed];
  }

  /** Leaves a turn mark and answers all that are there. */
  async mark(mark: string, limit: Limit): Promise<string[]> {
    return words(await this.#ask('mark', [mark], limit));
  }

  /** The turn marks that are there. */
  async marks(limit: Limit): Promise<string[]> {
    return words(await this.#ask('marks', [], limit));
  }

  /** Resolves when no command runs in the guest any more. */
  async still(limit: Limit): Promise<void> {
    await this.#ask('still', [], limit);
  }

  /** Runs a command. It goes on in the guest even when nobody waits for it any more. */
  run(argv: readonly string[], stdin: string, limit: Limit): Promise<RunResult> {
    const given = checked(argv, Buffer.from(stdin));
    const id = this.#nextId();
    const result = new Promise<RunResult>((resolve, reject) => {
      this.#request(id, collector(resolve, reject), reject);
      for (let at = 0; at < given.input.length; at += INPUT_PIECE) {
        this.#send(id, 'in', [escapeBytes(given.input.subarray(at, at + INPUT_PIECE))]);
      }
      this.#send(id, 'run', [escapeBytes(given.arguments)]);
    });
    return within(this.#world, result, limit).finally(() => this.#requests.delete(id));
  }

  #ask(verb: string, given: readonly string[], limit: Limit): Promise<string> {
    const id = this.#nextId();
    const answer = new Promise<string>((resolve, reject) => {
      this.#request(id, (_word, data) => resolve(data), reject);
      this.#send(id, verb, given);
    });
    return within(this.#world, answer, limit).finally(() => this.#requests.delete(id));
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.#name}-${this.#count}`;
  }

  #request(id: string, answer: Request['answer'], fail: Request['fail']): void {
    if (this.#socket.destroyed) fail(disconnected());
    else this.#requests.set(id, { answer, fail });
  }

  #send(id: string, verb: string, given: readonly string[]): void {
    const [a = '-', b = '-', c = '-', d = '-'] = given;
    if (!this.#socket.destroyed) this.#socket.write(`${id} ${verb} ${a} ${b} ${c} ${d} .\n`);
  }

  #receive(line: string): void {
    const [, id, word, data] = /^(\S+) (\S+) ?(.*)$/.exec(line) ?? [];
    if (id === undefined || word === undefined) return;
    const request = this.#requests.get(id);
    if (word === 'unknown') request?.fail(unknownVerb());
    else if (word === 'unsettled') request?.fail(unsettled(data ?? ''));
    else request?.answer(word, data ?? '');
  }

  #end(): void {
    for (const { fail } of this.#requests.values()) fail(disconnected());
    this.#requests.clear();
  }
}

function words(line: string): string[] {
  return line.split(' ').filter((word) => word !== '');
}

/** Puts the pieces of a command's output together; the guest's word on their size is not taken. */
function collector(resolve: (result: RunResult) => void, fail: (error: Error) => void) {
  const pieces: Record<'out' | 'err', Buffer[]> = { out: [], err: [] };
  let length = 0;
  const text = (stream: 'out' | 'err') => Buffer.concat(pieces[stream]).toString('utf8');
  return (word: string, data: string): void => {
    if (word === 'exit') {
      return resolve({ exitCode: Number(data), stdout: text('out'), stderr: text('err') });
    }
    if (word === 'failed') return fail(notStarted());
    if (word === 'out' || word === 'err') {
      const piece = Buffer.from(data, 'base64');
      length += piece.length;
      pieces[word].push(piece);
    }
    if (word === 'toolong' || length > 2 * LONGEST_OUTPUT) fail(tooLong());
  };
}

function checked(argv: readonly string[], input: Buffer): { arguments: Buffer; input: Buffer } {
  const joined = Buffer.from(argv.map((argument) => `${argument}\0`).join(''));
  const fault = faultOf(argv, joined.length, input.length);
  if (fault !== null) throw new ProviderError(`The command ${fault}`, { retryable: false });
  return { arguments: joined, input };
}

function faultOf(argv: readonly string[], length: number, input: number): string | null {
  if ((argv[0] ?? '') === '') return 'is empty';
  if (argv.some((argument) => argument.includes('\0'))) return 'holds a NUL character';
  if (length > LONGEST_ARGUMENTS) return `is longer than ${LONGEST_ARGUMENTS} bytes`;
  return input > LONGEST_INPUT ? `has more than ${LONGEST_INPUT} bytes of input` : null;
}

function tooLong(): ProviderError {
  const reason = `The command wrote more than ${LONGEST_OUTPUT} bytes; none of it was kept`;
  return new ProviderError(reason, { retryable: false });
}

function notStarted(): ProviderError {
  return new ProviderError('The guest could not start the command', { retryable: false });
}

function unknownVerb(): ProviderError {
  const reason = 'The agent in the guest does not know this: the image is of another version';
  return new ProviderError(reason, { retryable: false });
}

function unsettled(what: string): ProviderError {
  const reason = `The guest could not be given an identity of its own: ${what}`;
  return new ProviderError(reason, { retryable: false });
}

function disconnected(): ProviderError {
  return new ProviderError('The connection to the guest closed', { retryable: true });
}
