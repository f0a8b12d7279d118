import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../auth.ts';

/** Who may come in at all, before anybody asks for a token. */
export interface Guard {
  /** Why this request may not, in a sentence; undefined when it may. */
  refusal(request: IncomingMessage): string | undefined;
  /** Whether a page of this origin may read our answers though it is not ours. */
  isForeign(origin: string): boolean;
}

/**
 * Browsers send requests on behalf of any page. A page may call us only from our own origin or
 * one of `origins`. With `loopbackOnly` nobody shows a token, so in addition the caller must be on
 * this machine and must have asked for it by its own name: a stranger's name that is made to
 * point here (DNS rebinding) does not count.
 */
export function createGuard(origins: readonly string[], loopbackOnly: boolean): Guard {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  const hosts = new Set(origins.map((origin) => new URL(origin).host));
  const isOurHost = (host = '') => isLoopback(host.replace(/:\d+$/, '')) || hosts.has(host);

  return {
    refusal({ headers, socket }) {
      if (loopbackOnly && !isLoopback(socket.remoteAddress))
        return 'without tokens this server talks only to its own machine';
      if (loopbackOnly && !isOurHost(headers.host))
        return 'this is not the name of this server; see SNAPYARD_ORIGINS';
      const { origin, host } = headers;
      if (origin === undefined || allowed.has(origin) || isSameHost(origin, host)) return undefined;
      return 'pages of this origin may not call this server; see SNAPYARD_ORIGINS';
    },
    isForeign: (origin) => allowed.has(origin),
  };
}

function isSameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}
