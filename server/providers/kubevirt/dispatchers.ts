import { createHash } from 'node:crypto';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type * as Undici from 'undici';
import type { buildConnector, Dispatcher } from 'undici';
import type { ProviderError } from '../provider.ts';
import { refused } from './errors.ts';
import type { Transport } from './kubeconfig.ts';

/** What calls are sent through. */
export interface Lanes {
  /** A few connections that all requests share. */
  readonly requests: Dispatcher;
  /** Each watch holds a connection as long as it lasts, so they must not count among those. */
  readonly watches: Dispatcher;
}

const MOST_CONNECTIONS = 16;

/** Keeps connections open between calls, and makes new ones when certificates change. */
export class Dispatchers {
  readonly #undici: typeof Undici;
  readonly #open = new Set<Dispatcher>();
  #key = '';
  #lanes: Lanes | undefined;

  constructor(undici: typeof Undici) {
    this.#undici = undici;
  }

  /** The lanes for a transport; those of an earlier one end with what they still carry. */
  lanesFor(transport: Transport): Lanes {
    const key = keyOf(transport);
    if (this.#lanes !== undefined && key === this.#key) return this.#lanes;
    for (const old of this.#open) void this.#retire(old);
    this.#key = key;
    this.#lanes = {
      requests: this.#make(transport, MOST_CONNECTIONS),
      watches: this.#make(transport, null),
    };
    return this.#lanes;
  }

  /** Ends every connection as soon as it carries nothing any more. */
  async retire(): Promise<void> {
    await Promise.all([...this.#open].map((dispatcher) => this.#retire(dispatcher)));
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    this.#lanes = undefined;
    await Promise.all(open.map((dispatcher) => dispatcher.destroy()));
  }

  async #retire(dispatcher: Dispatcher): Promise<void> {
    // It may have been destroyed meanwhile, which is as good.
    await dispatcher.close().catch(() => {});
    this.#open.delete(dispatcher);
  }

  #make(transport: Transport, connections: number | null): Dispatcher {
    const dispatcher = this.#dispatcher(transport, connections);
    this.#open.add(dispatcher);
    return dispatcher;
  }

  #dispatcher(transport: Transport, connections: number | null): Dispatcher {
    // Every call has its own deadline; a second one, of the real clock, only gets in its way.
    const patient = { connections, headersTimeout: 0, bodyTimeout: 0 };
    const { Agent, ProxyAgent, Socks5ProxyAgent } = this.#undici;
    switch (transport.type) {
      case 'none':
        return new Agent({ ...patient, connect: { timeout: 0 } });
      case 'agent':
        return new Agent({ ...patient, connect: tlsOf(transport.connect) });
      case 'proxy': {
        const { uri, requestTls } = transport;
        return new ProxyAgent({ ...patient, uri, requestTls: tlsOf(requestTls) });
      }
      case 'socks':
        if (transport.uri.startsWith('socks4')) throw noSocks4();
        return new Socks5ProxyAgent(transport.uri.replace(/^socks5?h?:/, 'socks5:'), {
          ...patient,
          requestTls: tlsOf(transport.requestTls),
        });
    }
  }
}

/** What client-node sets of the many options of TLS, in undici's terms. */
function tlsOf(given: TlsOptions): buildConnector.BuildOptions {
  const { ca, cert, key, rejectUnauthorized, servername } = given;
  return {
    timeout: 0,
    keepAlive: true,
    // Load balancers forget connections that were silent for a minute.
    keepAliveInitialDelay: 30_000,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function noSocks4(): ProviderError {
  return refused('the kubeconfig names a SOCKS 4 proxy; only SOCKS 5 is known');
}

/** Certificates are long, and there are many calls. */
function keyOf(transport: Transport): string {
  const hash = createHash('sha256');
  const text = JSON.stringify(transport, (_name, value: unknown) =>
    Buffer.isBuffer(value) ? value.toString('base64') : value,
  );
  return hash.update(text).digest('hex');
}
