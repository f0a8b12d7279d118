import type { Simulated } from '../ports.ts';
import type { CloudInit, VmiSpec } from './shapes.ts';

/** What a guest is told at its first boot, or the secret that is not there to tell it. */
export type CloudInitData =
  | { readonly missing: string }
  | { readonly userData: string | undefined; readonly networkData: string | undefined };

/** Reads the cloud-init data of a machine, from its spec or from secrets of its namespace. */
export function cloudInitData(sim: Simulated, namespace: string, spec: VmiSpec): CloudInitData {
  const volume = (spec.volumes ?? []).find(
    ({ cloudInitNoCloud, cloudInitConfigDrive }) => cloudInitNoCloud ?? cloudInitConfigDrive,
  );
  const source = volume?.cloudInitNoCloud ?? volume?.cloudInitConfigDrive;
  if (source === undefined) return { userData: undefined, networkData: undefined };
  const secrets = [source.secretRef?.name, source.networkDataSecretRef?.name];
  const missing = secrets.find(
    (name) => name !== undefined && sim.objects.get('Secret', namespace, name) === undefined,
  );
  if (missing !== undefined) return { missing };
  const read = (secret: string | undefined, keys: readonly string[]) =>
    secret === undefined ? undefined : secretText(sim, namespace, secret, keys);
  return {
    userData: read(secrets[0], ['userdata', 'userData']) ?? inline(source, 'userData'),
    networkData: read(secrets[1], ['networkdata', 'networkData']) ?? inline(source, 'networkData'),
  };
}

function inline(source: CloudInit, name: 'userData' | 'networkData'): string | undefined {
  const encoded = source[`${name}Base64`];
  return encoded === undefined ? source[name] : decoded(encoded);
}

function secretText(
  sim: Simulated,
  namespace: string,
  name: string,
  keys: readonly string[],
): string | undefined {
  const secret = sim.objects.get('Secret', namespace, name);
  const data = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  const key = keys.find((each) => data[each] !== undefined);
  return key === undefined ? undefined : decoded(data[key] ?? '');
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
