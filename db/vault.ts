import { createCipheriv, createDecipheriv } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Bytes of the key of a vault. */
export const VAULT_KEY_BYTES = 32;

/** Whose secret it is, and which. */
export interface SecretPlace {
  readonly subjectId: string;
  readonly name: string;
}

/** A secret as it may lie in the database. */
export interface SealedSecret extends SecretPlace {
  readonly nonce: string;
  readonly ciphertext: string;
}

/**
 * Seals secrets for the database and opens them again. A sealed secret is bound to its place: in
 * another row it does not open, nor does it with another key, nor after a bit was changed.
 */
export interface Vault {
  seal(place: SecretPlace, secret: string): SealedSecret;
  /** The secret; undefined where this key does not open it. */
  open(sealed: SealedSecret): string | undefined;
}

/** A vault with this key. Nonces are drawn anew for each seal, by what draws secret bytes. */
export function createVault(
  key: Buffer,
  world: { readonly secret: (bytes: number) => string },
): Vault {
  if (key.length !== VAULT_KEY_BYTES) throw new RangeError(`a key of ${key.length} bytes`);
  return {
    seal: ({ subjectId, name }, secret) => {
      const nonce = Buffer.from(world.secret(NONCE_BYTES), 'hex');
      const cipher = createCipheriv(ALGORITHM, key, nonce);
      cipher.setAAD(placeBytes({ subjectId, name }));
      const parts = [cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()];
      const ciphertext = Buffer.concat(parts).toString('base64');
      return { subjectId, name, nonce: nonce.toString('base64'), ciphertext };
    },
    open: (sealed) => openSealed(key, sealed),
  };
}

function openSealed(key: Buffer, sealed: SealedSecret): string | undefined {
  const nonce = Buffer.from(sealed.nonce, 'base64');
  const bytes = Buffer.from(sealed.ciphertext, 'base64');
  if (nonce.length !== NONCE_BYTES || bytes.length < TAG_BYTES) return undefined;
  const text = bytes.subarray(0, -TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(placeBytes(sealed));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
  } catch {
    // Node says no more than this itself: the key, the place or the bytes are others.
    return undefined;
  }
}

/** Unmistakable: two places never have the same bytes. */
function placeBytes({ subjectId, name }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([subjectId, name]));
}
