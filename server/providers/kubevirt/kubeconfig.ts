import type * as ClientNode from '@kubernetes/client-node';
import type { ClientOptions } from 'ws';
import { ProviderError } from '../provider.ts';
import { reasonOf } from './errors.ts';
import { KubernetesError } from './kubernetes.ts';
import type { KubevirtSettings } from './settings.ts';

/** Where the API server is, and how a call proves who it comes from. */
export interface Credentials {
  /** Its address; a path in it comes before every path of the API. */
  readonly server: URL;
  /** Headers and transport of one call. Asked each time: tokens and certificates change. */
  authenticate(): Promise<Authentication>;
  /** The same for a WebSocket. */
  webSocketOptions(): Promise<ClientOptions>;
}

/** What one call needs. */
export interface Authentication {
  readonly headers: Readonly<Record<string, string>>;
  readonly transport: Transport;
}

/** Certificates and the proxy on the way, as client-node works them out. */
export type Transport = ReturnType<ClientNode.KubeConfig['createDispatcherOptions']>;

type Cluster = NonNullable<ReturnType<ClientNode.KubeConfig['getCurrentCluster']>>;
type Which = Pick<KubevirtSettings, 'kubeconfig' | 'context'>;

/** Where client-node points when it has found nothing at all. */
const NOTHING_FOUND = 'http://localhost:8080';

/**
 * Reads the kubeconfig, or finds one by the usual rules. The library for it is large, so it is
 * loaded here, on demand, and nowhere else.
 */
export async function readKubeconfig(which: Which): Promise<Credentials> {
  const library = await import('@kubernetes/client-node');
  const config = configOf(library);
  load(config, which);
  const cluster = clusterOf(config, which);
  return {
    server: serverOf(cluster),
    authenticate: async () => {
      const context = new library.RequestContext(cluster.server, library.HttpMethod.GET);
      const transport = await ordinary(config.authenticate(context));
      return { headers: context.getHeaders(), transport };
    },
    webSocketOptions: async () => {
      const options: ClientOptions = {};
      await ordinary(config.applyToHTTPSOptions(options));
      // The agent is kept for ever and keeps old certificates; only a proxy cannot do without.
      if (!cluster.proxyUrl) delete options.agent;
      return options;
    },
  };
}

/**
 * A KubeConfig that tells the transport instead of opening one for each call, as client-node does
 * by itself: a TLS connection per call.
 */
function configOf(library: typeof ClientNode) {
  return new (class extends library.KubeConfig {
    #transport: Transport = { type: 'none' };

    async authenticate(context: ClientNode.RequestContext): Promise<Transport> {
      await this.applySecurityAuthentication(context);
      return this.#transport;
    }

    override createDispatcherOptions(
      ...given: Parameters<ClientNode.KubeConfig['createDispatcherOptions']>
    ): Transport {
      this.#transport = super.createDispatcherOptions(...given);
      return { type: 'none' };
    }
  })();
}

function load(config: ClientNode.KubeConfig, { kubeconfig, context }: Which): void {
  const name = kubeconfig === undefined ? 'the default kubeconfig' : `the kubeconfig ${kubeconfig}`;
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw unusable(`${name} cannot be used: ${firstLine(error)}`, error);
  }
  if (context === undefined) return;
  if (config.getContextObject(context) === null) {
    const names = config.getContexts().map((known) => known.name);
    throw unusable(`${name} has no context "${context}", only: ${names.join(', ') || 'none'}`);
  }
  config.setCurrentContext(context);
}

function clusterOf(config: ClientNode.KubeConfig, { kubeconfig }: Which): Cluster {
  const cluster = config.getCurrentCluster();
  const isFound = kubeconfig !== undefined || cluster?.server !== NOTHING_FOUND;
  if (cluster !== null && isFound) return cluster;
  throw unusable(
    isFound
      ? `the kubeconfig's context "${config.getCurrentContext()}" names no cluster`
      : 'no kubeconfig was found, and this is no pod with an account of its own',
  );
}

function serverOf(cluster: Cluster): URL {
  const address = URL.parse(cluster.server);
  if (address !== null && /^https?:$/.test(address.protocol)) return address;
  throw unusable(`the kubeconfig's server "${cluster.server}" is no http(s) address`);
}

/** A login that fails is a call that fails; its words may hold what a plugin printed. */
async function ordinary<T>(login: Promise<T>): Promise<T> {
  try {
    return await login;
  } catch (error) {
    const why = error instanceof SyntaxError ? 'the plugin answered no JSON' : firstLine(error);
    throw new KubernetesError(`the credentials cannot be had: ${why}`, {
      status: 0,
      reason: 'NoCredentials',
    });
  }
}

/** The further lines of these libraries quote the file, with its secrets. */
function firstLine(error: unknown): string {
  const text = reasonOf(error);
  return (text.split('\n')[0] ?? '').slice(0, 200);
}

function unusable(reason: string, cause?: unknown): ProviderError {
  const code = cause instanceof Error && 'code' in cause ? cause : undefined;
  return new ProviderError(reason, { retryable: false, cause: code });
}
