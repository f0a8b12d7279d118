import type { World } from '../../world.ts';
import { Agent } from './agent.ts';
import { type Folders, vmFiles } from './folders.ts';
import { isAlive } from './process.ts';
import type { Control, Hypervisor, VmSite } from './hypervisor.ts';
import type { VmHostSettings } from './settings.ts';
import type { VmRecord } from './vm-record.ts';
import type { Limit } from './within.ts';

/** How long a process that has hung up may take to end, and how often that is looked at. */
const EXIT_MS = 1_000;
const EXIT_LOOK_MS = 5;

/** The two conversations with one running VM: with its process, and with the agent in the guest. */
export interface Link {
  readonly control: Control;
  readonly agent: Agent;
  /** Hangs up; the VM goes on. */
  readonly close: () => void;
}

/**
 * The links to all VMs, at most one to each: a process may speak with one client at a time. A link
 * whose either side closes is given up as a whole, and the next who asks makes a new one.
 */
export class Links {
  readonly #world: World;
  readonly #settings: VmHostSettings;
  readonly #hypervisor: Hypervisor;
  readonly #folders: Folders;
  readonly #onEnd: (record: VmRecord) => void;
  readonly #open = new Map<string, Promise<Link>>();

  constructor(
    world: World,
    settings: VmHostSettings,
    hypervisor: Hypervisor,
    folders: Folders,
    onEnd: (record: VmRecord) => void,
  ) {
    this.#world = world;
    this.#settings = settings;
    this.#hypervisor = hypervisor;
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
    const what = `${record.name} is not reached: its process has ended, or serves another client`;
    const limit: Limit = { what, ms: greetingMs };
    const isUp = () => record.process !== null && isAlive(record.process);
    const site: VmSite = { record, files: vmFiles(this.#folders, record.name), isUp };
    const control = await this.#hypervisor.control(site, limit);
    try {
      const port = await this.#hypervisor.agentSocket(site, limit);
      const close = () => {
        control.close();
        port.destroy();
      };
      control.onClose(() => this.#end(record, close));
      port.once('close', () => this.#end(record, close));
      return { control, agent: new Agent(this.#world, port), close };
    } catch (error) {
      control.close();
      throw error;
    }
  }

  #end(record: VmRecord, close: () => void): void {
    close();
    if (this.#open.delete(record.uuid)) void this.#announce(record);
  }

  /** A process hangs up before it ends: told a moment later, the VM is seen to be gone. */
  async #announce(record: VmRecord): Promise<void> {
    const latest = this.#world.elapsed() + EXIT_MS;
    const isUp = () => record.process !== null && isAlive(record.process);
    while (isUp() && this.#world.elapsed() < latest) await this.#world.sleep(EXIT_LOOK_MS);
    this.#onEnd(record);
  }
}
