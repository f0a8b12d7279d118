import type { Socket } from 'node:net';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { isRecord } from '../vm-host/json-file.ts';
import { onLine } from '../vm-host/socket.ts';
import { type Limit, within } from '../vm-host/within.ts';

const LONGEST_LINE = 1024 * 1024;

/** Something QEMU tells by itself. */
export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A conversation with one QEMU process over its monitor socket, in JSON lines. */
export class Qmp {
  readonly #world: World;
  readonly #socket: Socket;
  readonly #orderMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #orders = 0;
  #greeted: () => void = () => {};
  /** The last reason QEMU gave for the end of the guest. */
  shutdownReason: string | null = null;

  private constructor(world: World, socket: Socket, orderMs: number) {
    this.#world = world;
    this.#socket = socket;
    this.#orderMs = orderMs;
    onLine(socket, LONGEST_LINE, (line) => this.#receive(line));
    socket.once('close', () => this.#end());
  }

  /** Waits for the greeting and takes up the conversation. QEMU greets one client at a time. */
  static async open(world: World, socket: Socket, orderMs: number, greeting: Limit): Promise<Qmp> {
    const qmp = new Qmp(world, socket, orderMs);
    const greeted = new Promise<void>((resolve, reject) => {
      qmp.#greeted = resolve;
      socket.once('close', () => reject(closed(greeting.what)));
    });
    try {
      await within(world, greeted, greeting);
      await qmp.order('qmp_capabilities');
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return qmp;
  }

  /** Gives an order and answers what QEMU returned. */
  order(command: string, given: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.#orders += 1;
    const id = this.#orders;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#socket.destroyed) return reject(closed(command));
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: given, id })}\n`);
    });
    return within(this.#world, answer, { what: `QEMU, ${command}`, ms: this.#orderMs });
  }

  /** What the machine is doing, in QEMU's words. */
  async status(): Promise<string> {
    const answer = await this.order('query-status');
    return isRecord(answer) ? String(answer['status']) : 'unknown';
  }

  /**
   * The first event from now on that is the one asked for; null when the conversation ends, or the
   * wait is given up. It never rejects: it can be begun long before anybody heeds it.
   */
  next(isIt: (event: QmpEvent) => boolean, until?: AbortSignal): Promise<QmpEvent | null> {
    return new Promise((resolve) => {
      const done = (event: QmpEvent | null) => {
        this.#listeners.delete(listener);
        this.#socket.off('close', onClose);
        until?.removeEventListener('abort', onClose);
        resolve(event);
      };
      const listener = (event: QmpEvent) => isIt(event) && done(event);
      const onClose = () => done(null);
      this.#listeners.add(listener);
      this.#socket.once('close', onClose);
      until?.addEventListener('abort', onClose);
      if (this.#socket.destroyed) done(null);
    });
  }

  #receive(line: string): void {
    const message = parse(line);
    if ('QMP' in message) return this.#greeted();
    if (typeof message['event'] === 'string') return this.#tell(message['event'], message['data']);
    const id = message['id'];
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (typeof id === 'number') this.#waiting.delete(id);
    if ('error' in message) waiting?.reject(refused(message['error']));
    else waiting?.resolve(message['return']);
  }

  #tell(name: string, data: unknown): void {
    const event: QmpEvent = { name, data: isRecord(data) ? data : {} };
    if (name === 'SHUTDOWN') this.shutdownReason = String(event.data['reason']);
    for (const listener of this.#listeners) listener(event);
  }

  #end(): void {
    for (const { reject } of this.#waiting.values()) reject(closed('QEMU'));
    this.#waiting.clear();
  }
}

function parse(line: string): Record<string, unknown> {
  try {
    const message: unknown = JSON.parse(line);
    return isRecord(message) ? message : {};
  } catch {
    return {};
  }
}

function closed(what: string): ProviderError {
  return new ProviderError(`${what}: the connection closed`, { retryable: true });
}

function refused(error: unknown): ProviderError {
  const said = isRecord(error) ? String(error['desc']) : 'no reason given';
  return new ProviderError(`QEMU refused: ${said}`, { retryable: true });
}
