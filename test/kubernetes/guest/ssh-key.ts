import { generateKeyPairSync } from 'node:crypto';

/** An SSH key of a guest or of somebody who enters it: both halves as OpenSSH has them in files. */
export interface SshKey {
  readonly private: string;
  readonly public: string;
}

const TYPE = 'ssh-ed25519';

/**
 * Makes an ed25519 key. The generator of the SSH library is not used: a few of a thousand keys
 * that it writes it cannot read again.
 */
export function makeSshKey(): SshKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const [point, seed] = [Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url')];
  const open = Buffer.concat([field(TYPE), field(point)]);
  // The two equal numbers only serve to see whether a passphrase was right.
  const numbers = Buffer.alloc(8);
  const secret = [numbers, open, field(Buffer.concat([seed, point])), field('')];
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(open),
    field(padded(Buffer.concat(secret))),
  ]);
  return { private: armoured(whole), public: `${TYPE} ${open.toString('base64')}` };
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Filled up to whole blocks of eight, with 1, 2, 3 and so on. */
function padded(bytes: Buffer): Buffer {
  const missing = (8 - (bytes.length % 8)) % 8;
  return Buffer.concat([bytes, Buffer.from(Array.from({ length: missing }, (_, at) => at + 1))]);
}

function armoured(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  const name = 'OPENSSH PRIVATE KEY';
  return [`-----BEGIN ${name}-----`, ...lines, `-----END ${name}-----`, ''].join('\n');
}
