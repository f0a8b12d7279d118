import { readFileSync } from 'node:fs';
import ssh2, { type ParsedKey } from 'ssh2';
import { isRefusal, providerError, reasonOf, refused } from './errors.ts';
import type { Kubernetes, ObjectName } from './kubernetes.ts';
import { LABEL, TEMPLATES_NAMESPACE } from './names.ts';
import { NAMESPACES, SECRETS, type Secret } from './objects.ts';
import type { KubevirtSettings } from './settings.ts';

/** The key that opens guests. */
export interface KeyPair {
  /** Never to be logged, nor part of any error. */
  readonly privateKey: string;
  /** As in `authorized_keys`. */
  readonly publicKey: string;
}

/** Where the key comes from. */
export interface KeySource {
  readonly kubernetes: Kubernetes;
  readonly settings: Pick<KubevirtSettings, 'sshKey'>;
  readonly installation: string;
}

const FIELD = 'ssh-privatekey';

/**
 * The key of the settings, or one that is generated once for the installation and kept in a
 * secret, where the server that runs next finds it.
 */
export async function readSshKey(source: KeySource, signal: AbortSignal): Promise<KeyPair> {
  const { sshKey } = source.settings;
  if (sshKey !== undefined) return pairOf(readKeyFile(sshKey), `the SSH key ${sshKey}`);
  const of = { namespace: TEMPLATES_NAMESPACE, name: secretName(source.installation) };
  const what = `the SSH key in the secret ${of.namespace}/${of.name}`;
  try {
    const secret =
      (await source.kubernetes.get(SECRETS, of, signal)) ?? (await keep(source, of, signal));
    return pairOf(textOf(secret, source, what), what);
  } catch (error) {
    throw providerError(error, what);
  }
}

function secretName(installation: string): string {
  return `snapyard-ssh-${installation.slice(0, 8)}`;
}

/** Makes a key and keeps it, unless another server of ours was first: then it is theirs. */
async function keep(source: KeySource, of: ObjectName, signal: AbortSignal): Promise<Secret> {
  try {
    return await create(source, of, newPrivateKey(), signal);
  } catch (error) {
    if (!isRefusal(error, 409, 'AlreadyExists')) throw error;
    const theirs = await source.kubernetes.get(SECRETS, of, signal);
    if (theirs === undefined) throw error;
    return theirs;
  }
}

/** Of the keys that the library makes it cannot read a few in a thousand: those are not taken. */
function newPrivateKey(): string {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'snapyard' });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair.private;
  }
}

async function create(
  source: KeySource,
  of: ObjectName,
  privateKey: string,
  signal: AbortSignal,
): Promise<Secret> {
  const { kubernetes, installation } = source;
  const manifest = {
    metadata: {
      name: of.name,
      namespace: TEMPLATES_NAMESPACE,
      labels: { [LABEL.installation]: installation },
    },
    type: 'kubernetes.io/ssh-auth',
    data: { [FIELD]: Buffer.from(privateKey).toString('base64') },
  };
  try {
    return await kubernetes.create(SECRETS, manifest, signal);
  } catch (error) {
    if (!isRefusal(error, 404)) throw error;
  }
  await ensureTemplatesNamespace(kubernetes, signal);
  return kubernetes.create(SECRETS, manifest, signal);
}

async function ensureTemplatesNamespace(
  kubernetes: Kubernetes,
  signal: AbortSignal,
): Promise<void> {
  const metadata = { name: TEMPLATES_NAMESPACE, labels: { [LABEL.snapshots]: 'true' } };
  try {
    await kubernetes.create(NAMESPACES, { metadata }, signal);
  } catch (error) {
    if (!isRefusal(error, 409, 'AlreadyExists')) throw error;
  }
}

function textOf(secret: Secret, { installation }: KeySource, what: string): string {
  const owner = secret.metadata.labels?.[LABEL.installation];
  if (owner !== installation) {
    throw refused(`${what} belongs to another installation`);
  }
  return Buffer.from(secret.data?.[FIELD] ?? '', 'base64').toString('utf8');
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const why = reasonOf(error);
    throw refused(`the SSH key cannot be read: ${why}`);
  }
}

function pairOf(privateKey: string, what: string): KeyPair {
  const parsed: ParsedKey | Error = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error || !parsed.isPrivateKey()) {
    const why = parsed instanceof Error ? parsed.message : 'it is a public one';
    throw refused(`${what} is no private key: ${why}`);
  }
  const publicKey = `${parsed.type} ${parsed.getPublicSSH().toString('base64')} snapyard`;
  return { privateKey, publicKey };
}
