import { Duplex } from 'node:stream';
import { ProviderError, type StreamKind, type VmRef } from '../provider.ts';
import type { Host } from './host.ts';
import { isRunning } from './running-vm.ts';
import { Turns } from './turns.ts';
import { type VmRecord, readRecord } from './vm-record.ts';
import { refuseIfGivenUp } from './within.ts';

const TAKEN_OVER = '\r\n[This serial line was opened elsewhere.]\r\n';

/**
 * The streams that are open to VMs which were handed over. Only to those: what is typed into a VM
 * that waits in the pool would be there when its next owner comes.
 */
export class Streams {
  readonly #host: Host;
  readonly #open = new Set<VmStream>();
  /** The one reader of each serial line, by the VM's UUID. */
  readonly #lines = new Map<string, VmStream>();
  readonly #turns = new Turns();
  #isClosed = false;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Opens one, which ends with its VM or its signal; a serial line is taken from who has it. */
  async open(vm: VmRef, kind: StreamKind, signal: AbortSignal): Promise<Duplex> {
    const { kind: provider, streams = [] } = this.#host.hypervisor;
    if (!streams.includes(kind)) throw refused(`VMs of ${provider} have no ${kind} to be opened`);
    const record = this.#openable(vm);
    if (kind !== 'SERIAL') return this.#connect(record, kind, signal);
    return this.#turns.take(record.uuid, () => this.#takeLine(record, signal));
  }

  /** Ends all, and opens no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turns.idle();
    const ends = [...this.#open].map(
      (stream) => new Promise((resolve) => stream.once('close', resolve)),
    );
    for (const stream of this.#open) stream.destroy();
    await Promise.all(ends);
  }

  async #takeLine(record: VmRecord, signal: AbortSignal): Promise<Duplex> {
    refuseIfGivenUp(signal, `Opening the serial line of ${record.name}`);
    // QEMU lets one in when the other has gone.
    this.#lines.get(record.uuid)?.finish(TAKEN_OVER);
    const line = await this.#connect(record, 'SERIAL', signal);
    this.#lines.set(record.uuid, line);
    line.once('close', () => {
      if (this.#lines.get(record.uuid) === line) this.#lines.delete(record.uuid);
    });
    return line;
  }

  async #connect(record: VmRecord, kind: StreamKind, signal: AbortSignal): Promise<VmStream> {
    const what = `Opening ${kind} of ${record.name}`;
    refuseIfGivenUp(signal, what);
    const { control } = await this.#host.links.to(record);
    const limit = { what, ms: this.#host.settings.orderMs, signal };
    const socket = await control.stream?.(kind, limit);
    if (socket === undefined) throw refused(`${what}: there is none`);
    if (signal.aborted || this.#isClosed) {
      socket.destroy();
      throw new ProviderError(`${what}: given up`, { retryable: true, cause: signal.reason });
    }
    const stream = new VmStream(socket, signal);
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    return stream;
  }

  #openable({ cluster, role }: VmRef): VmRecord {
    const spec = cluster.vms.find((vm) => vm.role === role);
    const record = spec === undefined ? null : readRecord(this.#host.folders, spec.name);
    const name = spec?.name ?? `${cluster.name}, ${role}`;
    if (record === null) throw refused(`There is no VM ${name}`);
    if (!isRunning(record)) throw refused(`${name} does not run`);
    if (record.state === 'AWAKE') return record;
    throw refused(`${name} waits for a session: it is opened to whoever has it`);
  }
}

/** A connection to a VM. That it breaks is the end of the VM or of a server, and not an error. */
class VmStream extends Duplex {
  readonly #socket: Duplex;
  #isFinished = false;

  constructor(socket: Duplex, signal: AbortSignal) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    const giveUp = () => this.destroy();
    signal.addEventListener('abort', giveUp, { once: true });
    this.once('close', () => signal.removeEventListener('abort', giveUp));
    // Neither an end that comes while somebody types nor a broken connection is anybody's news.
    this.on('error', () => {});
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('close', () => this.finish(''));
  }

  /** Hangs up; who reads is told so at the end of what came before. */
  finish(lastWords: string): void {
    this.#socket.destroy();
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (lastWords !== '') this.push(lastWords);
    this.push(null);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#socket.destroyed) return done();
    this.#socket.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.finish('');
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#isFinished = true;
    this.#socket.destroy();
    done(error);
  }
}

function refused(reason: string): ProviderError {
  return new ProviderError(reason, { retryable: false });
}
