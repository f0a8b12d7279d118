import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { ProviderError } from '../provider.ts';
import { failed } from './errors.ts';

/** The cluster that a kubeconfig is to lead to. */
export interface Destination {
  readonly name: string;
  /** Where its API server is, as seen from outside. */
  readonly server: string;
}

/** A name that kubeadm puts into every certificate of an API server. */
const CERTIFIED_NAME = 'kubernetes';

/** Nearly twice what kubeadm writes with the largest keys; nobody waits for it to be read. */
const MOST_CHARACTERS = 16 * 1024;

const PEM = z.base64().min(1);
const NAME = z.string();
const GUEST = z.object({
  'current-context': NAME,
  contexts: z.array(
    z.object({ name: NAME, context: z.object({ cluster: NAME, user: NAME }).nullish() }),
  ),
  clusters: z.array(z.object({ name: NAME, cluster: z.unknown() })),
  users: z.array(z.object({ name: NAME, user: z.unknown() })),
});
const CLUSTER = z.object({ 'certificate-authority-data': PEM });
const USER = z.object({ 'client-certificate-data': PEM, 'client-key-data': PEM });

/**
 * A kubeconfig made of what a guest has in its own. Whoever uses the cluster may have written that
 * file, and kubectl runs what such a file tells it to, so nothing of it is passed on but the
 * certificates and the key. In the guest the file names the address of the tunnel between its
 * guests, which nobody else reaches; the VM's own address is in no certificate, since it is
 * another after each start, so the new file also says by which name the server proves itself.
 */
export function kubeconfigFor({ name, server }: Destination, text: string): string {
  const { authority, certificate, key } = credentialsIn(text);
  const user = `admin@${name}`;
  const cluster = {
    server,
    'tls-server-name': CERTIFIED_NAME,
    'certificate-authority-data': authority,
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [
      { name: user, user: { 'client-certificate-data': certificate, 'client-key-data': key } },
    ],
    contexts: [{ name: user, context: { cluster: name, user } }],
    'current-context': user,
  };
  return stringify(config, { lineWidth: 0 });
}

/** What proves both sides to each other. */
interface Credentials {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

function credentialsIn(text: string): Credentials {
  const own = read(GUEST, contentOf(text), 'it');
  const wanted = own.contexts.find(({ name }) => name === own['current-context'])?.context;
  const ofCluster = own.clusters.find(({ name }) => name === wanted?.cluster);
  const ofUser = own.users.find(({ name }) => name === wanted?.user);
  const cluster = read(CLUSTER, ofCluster?.cluster, 'the cluster of its context');
  const user = read(USER, ofUser?.user, 'the user of its context');
  return {
    authority: cluster['certificate-authority-data'],
    certificate: user['client-certificate-data'],
    key: user['client-key-data'],
  };
}

/** Says only where something is wrong: what is there instead may be a secret, or an insult. */
function read<T>(schema: z.ZodType<T>, content: unknown, what: string): T {
  const { data, error } = schema.safeParse(content);
  if (data !== undefined) return data;
  const place = error?.issues[0]?.path.filter((key) => typeof key === 'string').join('.') ?? '';
  throw unusable(`${what} is not as it should be${place === '' ? '' : ` at ${place}`}`);
}

/** What the parser complains of quotes the file, so it is not told. */
function contentOf(text: string): unknown {
  if (text.length > MOST_CHARACTERS) throw unusable(`it is longer than ${MOST_CHARACTERS}`);
  try {
    const document = parseDocument(text, { logLevel: 'silent', prettyErrors: false });
    if (document.errors.length > 0) throw unusable('it is no YAML');
    const content: unknown = document.toJS({ maxAliasCount: 0 });
    return content;
  } catch (error) {
    throw error instanceof ProviderError ? error : unusable('it cannot be read, or has aliases');
  }
}

function unusable(why: string): ProviderError {
  return failed(`the guest's kubeconfig cannot be used: ${why}`);
}
