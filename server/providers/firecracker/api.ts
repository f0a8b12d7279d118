import { Client } from 'undici';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { isRecord } from '../vm-host/json-file.ts';
import { type Limit, within } from '../vm-host/within.ts';

/** The most that is read of one answer. */
const LONGEST_ANSWER = 64 * 1024;

/**
 * The calls that change something, with what each takes. Firecracker refuses a field it does not
 * know; here a field that is not in the type does not compile.
 */
export interface Orders {
  'PUT /machine-config': {
    readonly vcpu_count: number;
    readonly mem_size_mib: number;
    readonly smt: false;
    readonly track_dirty_pages: false;
  };
  'PUT /boot-source': {
    readonly kernel_image_path: string;
    readonly initrd_path: string;
    readonly boot_args: string;
  };
  'PUT /vsock': { readonly guest_cid: number; readonly uds_path: string };
  'PUT /entropy': Readonly<Record<string, never>>;
  'PUT /actions': { readonly action_type: 'InstanceStart' | 'SendCtrlAltDel' };
  'PATCH /vm': { readonly state: 'Paused' | 'Resumed' };
  'PUT /snapshot/create': {
    readonly snapshot_type: 'Full';
    readonly snapshot_path: string;
    readonly mem_file_path: string;
  };
  'PUT /snapshot/load': {
    readonly snapshot_path: string;
    readonly mem_backend: { readonly backend_type: 'File'; readonly backend_path: string };
    readonly resume_vm: false;
    readonly vsock_override?: { readonly uds_path: string };
    readonly clock_realtime?: true;
  };
}

/** What a process tells of itself. */
export interface InstanceInfo {
  readonly id: string;
  readonly state: string;
}

/**
 * The HTTP interface of one Firecracker process, on its Unix socket. Each call has a connection of
 * its own: so none depends on how an earlier one ended.
 */
export class FirecrackerApi {
  readonly #world: World;
  readonly #socketPath: string;
  readonly #orderMs: number;

  constructor(world: World, socketPath: string, orderMs: number) {
    this.#world = world;
    this.#socketPath = socketPath;
    this.#orderMs = orderMs;
  }

  /** Gives an order; resolves when it was carried out. */
  async order<Order extends keyof Orders>(
    order: Order,
    body: Orders[Order],
    limit: Partial<Limit> = {},
  ): Promise<void> {
    await this.#call(order, body, limit);
  }

  /** Who it is, and what its machine does. */
  async instance(limit: Partial<Limit> = {}): Promise<InstanceInfo> {
    const told = await this.#call('GET /', undefined, limit);
    if (!isRecord(told) || typeof told['id'] !== 'string' || typeof told['state'] !== 'string') {
      throw failed('GET /', 'its answer is not understood');
    }
    return { id: told['id'], state: told['state'] };
  }

  /** The version of the program that runs, which may have been replaced on disk since. */
  async version(): Promise<string> {
    const told = await this.#call('GET /version', undefined, {});
    return isRecord(told) ? String(told['firecracker_version']) : 'unknown';
  }

  async #call(call: string, body: unknown, limit: Partial<Limit>): Promise<unknown> {
    const given = { what: `Firecracker, ${call}`, ms: this.#orderMs, ...limit };
    const client = new Client('http://localhost', {
      socketPath: this.#socketPath,
      pipelining: 0,
      // How long it may take is ours to say.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: LONGEST_ANSWER,
    });
    try {
      return await within(this.#world, send(client, call, body), given);
    } finally {
      await client.destroy();
    }
  }
}

async function send(client: Client, call: string, body: unknown): Promise<unknown> {
  const [method = '', path = ''] = call.split(' ');
  const { statusCode, text } = await request(client, method, path, body).catch((error: unknown) => {
    throw failed(call, error instanceof Error ? error.message : String(error), error);
  });
  const told = parsed(text);
  if (statusCode === 200 || statusCode === 204) return told;
  const fault = isRecord(told) ? told['fault_message'] : undefined;
  const said = typeof fault === 'string' ? fault : `status ${statusCode}, and no reason given`;
  const reason = `Firecracker refused ${call}: ${said.trim()}`;
  throw new ProviderError(reason, { retryable: true });
}

async function request(client: Client, method: string, path: string, body: unknown) {
  const json = body === undefined ? null : JSON.stringify(body);
  const headers = json === null ? {} : { 'content-type': 'application/json' };
  const answer = await client.request({ method, path, headers, body: json });
  return { statusCode: answer.statusCode, text: await answer.body.text() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function failed(call: string, why: string, cause?: unknown): ProviderError {
  return new ProviderError(`Firecracker, ${call}: ${why}`, { retryable: true, cause });
}
