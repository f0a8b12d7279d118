import type { Cancel, World } from '../../world.ts';
import { ProviderError, type RunOptions, type RunResult } from '../provider.ts';
import { failed, reasonOf } from './errors.ts';
import type { Guests } from './host.ts';
import { KubernetesError, type Kubernetes, type ObjectName } from './kubernetes.ts';
import { LimitedSignal, unlessAborted } from './limited-signal.ts';
import { Pace } from './pace.ts';
import type { KubevirtSettings } from './settings.ts';
import { type KeyPair, readSshKey } from './ssh-key.ts';
import { NotBegun, SshConnection } from './ssh.ts';

/** What commands in guests need. */
export interface GuestsOptions {
  readonly world: World;
  readonly kubernetes: Kubernetes;
  readonly settings: Pick<KubevirtSettings, 'sshUser' | 'sshKey'>;
  readonly installation: string;
}

/** From the opening of the stream to the end of the login. */
const HANDSHAKE_MS = 15_000;
/** A connection that nobody uses is closed, but commands mostly come one after the other. */
const IDLE_MS = 60_000;

/** Commands in guests over SSH, through the API server: no route to the guest is needed. */
export function makeGuests(options: GuestsOptions): Guests {
  return new SshGuests(options);
}

/** A connection, being opened or open, and who uses it. */
interface Kept {
  readonly vmi: ObjectName;
  readonly connection: Promise<SshConnection>;
  users: number;
  cancelIdle: Cancel;
  /** No longer to be taken by anybody; it ends with its last user. */
  isDropped: boolean;
}

class SshGuests implements Guests {
  readonly pace: Pace;
  readonly #options: GuestsOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #all = new Set<Kept>();
  readonly #closing = new AbortController();
  #key: KeyPair | undefined;

  constructor(options: GuestsOptions) {
    this.#options = options;
    this.pace = new Pace(options.world);
  }

  async run(vmi: ObjectName, argv: readonly string[], options: RunOptions): Promise<RunResult> {
    options.signal.throwIfAborted();
    const isReused = this.#kept.has(keyOf(vmi));
    try {
      return await this.#runOnce(vmi, argv, options);
    } catch (error) {
      // A kept connection may have died unnoticed, as when the machine was switched off.
      if (!isReused || !(error instanceof NotBegun) || options.signal.aborted) throw error;
      return this.#runOnce(vmi, argv, options);
    }
  }

  async publicKey(signal: AbortSignal): Promise<string> {
    return (await this.#keyPair(signal)).publicKey;
  }

  forget(vmi: ObjectName): void {
    const kept = this.#kept.get(keyOf(vmi));
    if (kept !== undefined) this.#cut(kept);
  }

  async close(): Promise<void> {
    this.#closing.abort(failed('the provider is closed'));
    for (const kept of this.#all) this.#cut(kept);
    await Promise.resolve();
  }

  async #runOnce(
    vmi: ObjectName,
    argv: readonly string[],
    options: RunOptions,
  ): Promise<RunResult> {
    const kept = this.#keptFor(vmi);
    kept.users += 1;
    kept.cancelIdle();
    try {
      const connection = await unlessAborted(kept.connection, options.signal);
      return await connection.run(argv, options);
    } catch (error) {
      // Whatever it was, the next command does not rely on this connection.
      this.#drop(kept);
      throw error;
    } finally {
      kept.users -= 1;
      this.#restOrEnd(kept);
    }
  }

  #keptFor(vmi: ObjectName): Kept {
    const known = this.#kept.get(keyOf(vmi));
    if (known !== undefined) return known;
    const connection = this.#connect(vmi);
    const kept = { vmi, connection, users: 0, cancelIdle: () => {}, isDropped: false };
    this.#kept.set(keyOf(vmi), kept);
    this.#all.add(kept);
    connection.then(
      (open) => open.onClose(() => this.#cut(kept)),
      () => this.#cut(kept),
    );
    return kept;
  }

  async #connect(vmi: ObjectName): Promise<SshConnection> {
    const { world, kubernetes, settings } = this.#options;
    const limit = new LimitedSignal(world, this.#closing.signal, HANDSHAKE_MS);
    try {
      const { privateKey } = await this.#keyPair(limit.signal);
      const stream = await kubernetes.stream(pathOf(vmi), limit.signal);
      const login = { name: vmi.name, user: settings.sshUser, privateKey };
      return await SshConnection.open(world, stream, login, limit.signal);
    } catch (error) {
      throw takesNone(vmi, error);
    } finally {
      limit.done();
    }
  }

  async #keyPair(signal: AbortSignal): Promise<KeyPair> {
    this.#key ??= await readSshKey(this.#options, signal);
    return this.#key;
  }

  #restOrEnd(kept: Kept): void {
    if (kept.users > 0) return;
    if (kept.isDropped) this.#end(kept);
    else kept.cancelIdle = this.#options.world.after(IDLE_MS, () => this.#end(kept));
  }

  #end(kept: Kept): void {
    this.#drop(kept);
    kept.connection.then((connection) => connection.end()).catch(() => {});
  }

  #drop(kept: Kept): void {
    kept.isDropped = true;
    kept.cancelIdle();
    if (this.#kept.get(keyOf(kept.vmi)) === kept) this.#kept.delete(keyOf(kept.vmi));
  }

  #cut(kept: Kept): void {
    this.#drop(kept);
    this.#all.delete(kept);
    kept.connection.then((connection) => connection.cut()).catch(() => {});
  }
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace ?? ''}/${name}`;
}

function pathOf({ namespace, name }: ObjectName): string {
  const place = `namespaces/${encodeURIComponent(namespace ?? '')}`;
  const machine = `virtualmachineinstances/${encodeURIComponent(name)}`;
  return `/apis/subresources.kubevirt.io/v1/${place}/${machine}/portforward/22/tcp`;
}

/** Why a guest cannot be spoken to; mostly it has not yet booted, so it is tried again. */
function takesNone(vmi: ObjectName, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const why = reasonOf(error);
  const isForGood = error instanceof KubernetesError && error.status === 403;
  return new ProviderError(`${vmi.name} takes no SSH: ${why}`, {
    retryable: !isForGood,
    cause: error,
  });
}
