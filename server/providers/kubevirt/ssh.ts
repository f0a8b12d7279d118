import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel } from 'ssh2';
import type { World } from '../../world.ts';
import { ProviderError, type RunOptions, type RunResult } from '../provider.ts';
import { reasonOf } from './errors.ts';
import { LimitedSignal, unlessAborted } from './limited-signal.ts';

/** Whom to speak to, and as whom. */
export interface SshLogin {
  /** The machine, for people. */
  readonly name: string;
  readonly user: string;
  readonly privateKey: string;
}

/** How much of each of stdout and stderr a command may write. */
const MOST_OUTPUT = 1024 * 1024;
/** How long a guest may take to open a channel; one that is dead never does. */
const CHANNEL_MS = 15_000;

/** How long the other side has for its farewell. */
const FAREWELL_MS = 1_000;

/** A command that runs. */
interface Command {
  readonly channel: ClientChannel;
  readonly result: Promise<RunResult>;
}

/** A command was not begun, so it may be given again on another connection. */
export class NotBegun extends ProviderError {}

/** One connection to one guest. */
export class SshConnection {
  readonly #world: World;
  readonly #client: Client;
  readonly #stream: Duplex;
  readonly #name: string;
  isOpen = true;

  private constructor(world: World, client: Client, stream: Duplex, name: string) {
    this.#world = world;
    this.#client = client;
    this.#stream = stream;
    this.#name = name;
    client.on('close', () => {
      this.isOpen = false;
      stream.destroy();
    });
  }

  /**
   * Shakes hands over a stream. The host's key is not compared with a known one: the stream comes
   * from the API server, which has proven itself and itself looks up the machine, and a guest that
   * is made from an image in this minute has no key that anybody could know before.
   */
  static async open(
    world: World,
    stream: Duplex,
    login: SshLogin,
    signal: AbortSignal,
  ): Promise<SshConnection> {
    const client = new ssh2.Client();
    const connection = new SshConnection(world, client, stream, login.name);
    const greeted = new Promise<void>((resolve, reject) => {
      client.on('error', reject);
      client.once('ready', resolve);
      client.once('close', () => reject(new Error('the guest closed the connection')));
    });
    try {
      // Its own timers are of the real clock; the signal is the deadline here.
      client.connect({
        sock: stream,
        username: login.user,
        privateKey: login.privateKey,
        readyTimeout: 0,
        keepaliveInterval: 0,
      });
      await unlessAborted(greeted, signal);
      return connection;
    } catch (error) {
      connection.cut();
      throw error;
    }
  }

  /** Calls back when it is closed, by whomever; at once if it is. */
  onClose(callback: () => void): void {
    if (this.isOpen) this.#client.once('close', callback);
    else callback();
  }

  /** Runs a command to its end. */
  async run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
    const { channel, result } = await this.#begin(argv, options.signal);
    try {
      channel.end(options.stdin ?? '');
      return await unlessAborted(result, options.signal);
    } finally {
      // Without a signal a command that was given up would go on, without anybody listening.
      if (options.signal.aborted) channel.signal('KILL');
      channel.close();
    }
  }

  /** Says farewell, and cuts it soon if that is not answered. */
  end(): void {
    if (!this.isOpen) return;
    const cancel = this.#world.after(FAREWELL_MS, () => this.cut());
    this.onClose(cancel);
    this.#client.end();
  }

  /** Ends it without a farewell, which a dead guest would not answer. */
  cut(): void {
    this.#client.destroy();
    this.#stream.destroy();
  }

  async #begin(argv: readonly string[], signal: AbortSignal): Promise<Command> {
    const limit = new LimitedSignal(this.#world, signal, CHANNEL_MS);
    let lost: () => void = () => {};
    const beginning = new Promise<Command>((resolve, reject) => {
      lost = () => reject(new Error('the connection was closed'));
      this.#client.once('close', lost);
      this.#client.exec(shellCommand(argv), (error, channel) => {
        if (error !== undefined) return reject(error);
        if (limit.signal.aborted) return channel.close();
        // Listened to at once: the end of a short command may be in the same packet.
        const result = this.#result(channel, argv);
        markAsExpected(result);
        resolve({ channel, result });
      });
    });
    try {
      return await unlessAborted(beginning, limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = reasonOf(error);
      throw new NotBegun(`${this.#name} takes no command: ${why}`, {
        retryable: true,
        cause: error,
      });
    } finally {
      this.#client.off('close', lost);
      limit.done();
    }
  }

  #result(channel: ClientChannel, argv: readonly string[]): Promise<RunResult> {
    const what = `${this.#name}, ${argv[0] ?? 'nothing'}`;
    return new Promise((resolve, reject) => {
      const refuse = (why: string, retryable: boolean) =>
        reject(new ProviderError(`${what}: ${why}`, { retryable }));
      const tooMuch = () => refuse(`it wrote more than ${MOST_OUTPUT} bytes`, false);
      const stdout = collect(channel, tooMuch);
      const stderr = collect(channel.stderr, tooMuch);
      let exitCode: number | undefined;
      channel.on('exit', (code: number | null, signal?: string) => {
        exitCode = code ?? 128 + numberOf(signal);
      });
      channel.on('error', (error: Error) => refuse(error.message, true));
      channel.on('close', () => {
        if (exitCode === undefined) refuse('the connection ended before the command', true);
        else resolve({ exitCode, stdout: stdout(), stderr: stderr() });
      });
    });
  }
}

/** A failure that nobody waits for yet, or any more, is no bug. */
function markAsExpected(promise: Promise<unknown>): void {
  promise.catch(() => {});
}

/** Gathers a stream; answers how to get the text. */
function collect(stream: NodeJS.ReadableStream, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > MOST_OUTPUT) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** SSH carries one line for a shell: every word is quoted, so that the shell changes none. */
function shellCommand(argv: readonly string[]): string {
  return argv.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
}

/** SSH tells signals without their SIG, libraries with it. */
function numberOf(signal: string | undefined): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return numbers[`SIG${(signal ?? '').replace(/^SIG/, '')}`] ?? 0;
}
