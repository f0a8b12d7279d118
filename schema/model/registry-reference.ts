/**
 * Addresses of images in registries: `host[:port]/owner/name[:tag][@sha256:…]`. Stricter than
 * what other tools take: nothing is filled in (no host, no owner, no tag) and nothing is put into
 * lower case, so an address means one place only, and a list of allowed places can be relied on.
 */

/** One place in a registry, and what is meant there. */
export interface RegistryReference {
  /** With the port where there is one. */
  readonly host: string;
  /** At least two parts: registries that fill in an owner would go to another place. */
  readonly repository: string;
  readonly tag: string | null;
  /** `sha256:` and the hash of the manifest; with one, nothing else is ever fetched. */
  readonly digest: string | null;
}

/** An address that was read, or one sentence that says what is wrong with it. */
export type ReadReference = { readonly reference: RegistryReference } | { readonly wrong: string };

/** The digest of a manifest, a blob or a file. */
export const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** A name for a version in a repository. */
export const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST = new RegExp(String.raw`^${LABEL}(?:\.${LABEL})*(?::(\d{1,5}))?$`);
const PART = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const LONGEST = 255;

/** Reads an address; says what is wrong with one that cannot be used. */
export function readReference(text: string): ReadReference {
  const [address = '', digest = null, ...more] = text.split('@');
  const wrong = (what: string) => ({ wrong: `"${text.slice(0, LONGEST)}" ${what}` });
  if (more.length > 0 || (digest !== null && !DIGEST.test(digest))) {
    return wrong('has something else than sha256: and 64 hexadecimal digits behind the @');
  }
  const place = readRepository(address.replace(/:[^:/]*$/, (end) => (isTagOf(address) ? '' : end)));
  if ('wrong' in place) return wrong(place.wrong);
  const tag = isTagOf(address) ? address.slice(address.lastIndexOf(':') + 1) : null;
  if (tag !== null && !TAG.test(tag)) return wrong(`has the tag "${tag}", which cannot be one`);
  return { reference: { ...place, tag, digest } };
}

/** Whether what follows the last colon is a tag, not a port. */
function isTagOf(address: string): boolean {
  return address.includes('/') && address.lastIndexOf(':') > address.lastIndexOf('/');
}

/** Reads `host[:port]/owner/name`; says what is wrong as the end of a sentence. */
export function readRepository(
  text: string,
): { readonly host: string; readonly repository: string } | { readonly wrong: string } {
  const [host = '', ...parts] = text.split('/');
  const repository = parts.join('/');
  if (text.includes('://'))
    return { wrong: 'begins with a protocol; an address begins with a host' };
  if (!isHost(host)) return { wrong: 'does not begin with a host such as registry.example.org' };
  if (parts.length < 2) return { wrong: 'lacks the owner or the name behind the host' };
  const bad = parts.find((part) => !PART.test(part));
  if (bad !== undefined) {
    return { wrong: `has the part "${bad}"; parts are small letters, digits and . _ - between` };
  }
  if (text.length > LONGEST) return { wrong: `is longer than ${LONGEST} characters` };
  return { host, repository };
}

/** A host has a dot or a port, or is this machine: a single word would be an owner elsewhere. */
function isHost(text: string): boolean {
  const [, port] = HOST.exec(text) ?? [text, '0'];
  const hasPlace = /[.:]/.test(text) || text === 'localhost';
  return hasPlace && (port === undefined || (Number(port) > 0 && Number(port) <= 65_535));
}

/** The address as people write it. */
export function printReference(reference: RegistryReference): string {
  const { host, repository, tag, digest } = reference;
  const name = `${host}/${repository}`;
  return `${name}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
}

/** Whether the place is one of these, or below one: `host/owner` allows `host/owner/name`. */
export function isAllowed(reference: RegistryReference, prefixes: readonly string[]): boolean {
  const place = `${reference.host}/${reference.repository}`;
  return prefixes.some((prefix) => place === prefix || place.startsWith(`${prefix}/`));
}

/** Whether a text can stand in a list of allowed places: `host/owner` and what follows. */
export function isPlace(text: string): boolean {
  const [host = '', ...parts] = text.split('/');
  return isHost(host) && parts.length > 0 && parts.every((part) => PART.test(part));
}
