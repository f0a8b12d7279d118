import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { World } from './world.ts';

/** An SSH key of one session. */
export interface SessionKey {
  /** As OpenSSH has it in files. Never to be logged, nor part of any error. */
  readonly privateKey: string;
  /** As in `authorized_keys`. */
  readonly publicKey: string;
}

/** How the line of a session's key ends in `authorized_keys`. */
const KEY_COMMENT = 'snapyard-session';

const TYPE = 'ssh-ed25519';
const SEED_BYTES = 32;
/** What stands before the seed in PKCS #8, the one form in which Node takes it. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Makes an ed25519 key of the world's secret bytes. */
export function makeSessionKey(world: Pick<World, 'secret'>): SessionKey {
  const seed = Buffer.from(world.secret(SEED_BYTES), 'hex');
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const point = Buffer.from(x, 'base64url');
  const open = Buffer.concat([field(TYPE), field(point)]);
  return {
    privateKey: openSshFile(open, seed, point),
    publicKey: `${TYPE} ${open.toString('base64')} ${KEY_COMMENT}`,
  };
}

/** The file of a key without a passphrase; `man sshd` knows its parts only by name. */
function openSshFile(open: Buffer, seed: Buffer, point: Buffer): string {
  // Two equal numbers show a reader that what it deciphered is right.
  const check = createHash('sha256').update(open).digest().subarray(0, 4);
  const secret = [check, check, open, field(Buffer.concat([seed, point])), field(KEY_COMMENT)];
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    number(1),
    field(open),
    field(inBlocks(Buffer.concat(secret))),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  const name = 'OPENSSH PRIVATE KEY';
  return [`-----BEGIN ${name}-----`, ...lines, `-----END ${name}-----`, ''].join('\n');
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}

/** Filled up to whole blocks of eight, with 1, 2, 3 and so on. */
function inBlocks(bytes: Buffer): Buffer {
  const missing = (8 - (bytes.length % 8)) % 8;
  return Buffer.concat([bytes, Buffer.from(Array.from({ length: missing }, (_, at) => at + 1))]);
}
