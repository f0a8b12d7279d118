import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { Agent } from './agent.ts';
import { type Folders, vmFiles } from './folders.ts';
import { isRecord } from './json-file.ts';
import { isAlive } from './qemu-process.ts';
import { Qmp } from './qmp.ts';
import { connectWhen } from './socket.ts';
import type { QemuSettings } from './settings.ts';
import type { VmRecord } from './vm-record.ts';
import type { Limit } from './within.ts';

/** How long a QEMU that has hung up may take to end, and how often that is looked at. */
const EXIT_MS = 1_000;
const EXIT_LOOK_MS = 5;

/** The two conversations with one running VM: with QEMU, and with the agent in the guest. */
export interface Link {
  readonly qmp: Qmp;
  readonly agent: Agent;
  /** Hangs up; the VM goes on. */
  readonly close: () => void;
}

/**
 * The links to all VMs, at most one to each: a monitor speaks with one client at a time. A link
 * whose either side closes is given up as a whole, and the next who asks makes a new one.
 */
export class Links {
  readonly #world: World;
  readonly #settings: QemuSettings;
  readonly #folders: Folders;
  readonly #onEnd: (record: VmRecord) => void;
  readonly #open = new Map<string, Promise<Link>>();

  constructor(
    world: World,
    settings: QemuSettings,
    folders: Folders,
    onEnd: (record: VmRecord) => void,
  ) {
    this.#world = world;
    this.#settings = settings;
    this.#folders = folders;
    this.#onEnd = onEnd;
  }

  /** The link to a running VM. One that is made now has this long to be greeted. */
  async to(record: VmRecord, greetingMs = this.#settings.greetingMs): Promise<Link> {
    const known = this.#open.get(record.uuid);
    if (known !== undefined) return known;
    const made = this.#connect(record, greetingMs);
    this.#open.set(record.uuid, made);
    try {
      return await made;
    } catch (error) {
      this.#open.delete(record.uuid);
      throw error;
    }
  }

  /** From now on the end of this link is nobody's news: it is wanted. */
  forget(record: VmRecord): void {
    this.#open.delete(record.uuid);
  }

  /** Hangs up on a VM, without telling anybody. */
  async drop(record: VmRecord): Promise<void> {
    const link = this.#open.get(record.uuid);
    this.forget(record);
    (await link?.catch(() => null))?.close();
  }

  /** Hangs up on all. */
  async close(): Promise<void> {
    const links = [...this.#open.values()];
    this.#open.clear();
    for (const link of await Promise.allSettled(links)) {
      if (link.status === 'fulfilled') link.value.close();
    }
  }

  async #connect(record: VmRecord, greetingMs: number): Promise<Link> {
    const { monitor, agent: agentPath } = vmFiles(this.#folders, record.name);
    const what = `${record.name} is not reached: QEMU has ended, or serves another client`;
    const limit: Limit = { what, ms: greetingMs };
    const isUp = () => record.process !== null && isAlive(record.process);
    const socket = await connectWhen(this.#world, monitor, isUp, limit);
    const qmp = await Qmp.open(this.#world, socket, this.#settings.orderMs, limit);
    try {
      await this.#checkIdentity(record, qmp);
      const port = await connectWhen(this.#world, agentPath, isUp, limit);
      const close = () => {
        socket.destroy();
        port.destroy();
      };
      for (const side of [socket, port]) side.once('close', () => this.#end(record, close));
      return { qmp, agent: new Agent(this.#world, port), close };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async #checkIdentity(record: VmRecord, qmp: Qmp): Promise<void> {
    const answer = await qmp.order('query-uuid');
    if (isRecord(answer) && answer['UUID'] === record.uuid) return;
    throw new ProviderError(`${record.name} is another VM than expected`, { retryable: false });
  }

  #end(record: VmRecord, close: () => void): void {
    close();
    if (this.#open.delete(record.uuid)) void this.#announce(record);
  }

  /** QEMU hangs up before it ends: told a moment later, the VM is seen to be gone. */
  async #announce(record: VmRecord): Promise<void> {
    const latest = this.#world.elapsed() + EXIT_MS;
    const isUp = () => record.process !== null && isAlive(record.process);
    while (isUp() && this.#world.elapsed() < latest) await this.#world.sleep(EXIT_LOOK_MS);
    this.#onEnd(record);
  }
}
