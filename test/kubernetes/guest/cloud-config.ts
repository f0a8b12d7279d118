import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { z } from 'zod';

const user = z.looseObject({
  name: z.string(),
  ssh_authorized_keys: z.array(z.string()).optional(),
  sudo: z.union([z.string(), z.array(z.string()), z.boolean(), z.null()]).optional(),
});
const file = z.looseObject({
  path: z.string(),
  content: z.string().optional(),
  encoding: z.string().optional(),
  permissions: z.union([z.string(), z.number()]).optional(),
  owner: z.string().optional(),
  append: z.boolean().optional(),
});
const command = z.union([z.string(), z.array(z.coerce.string())]);
const schema = z.looseObject({
  hostname: z.string().optional(),
  fqdn: z.string().optional(),
  preserve_hostname: z.boolean().optional(),
  ssh_deletekeys: z.boolean().optional(),
  ssh_authorized_keys: z.array(z.string()).optional(),
  users: z.array(z.union([z.string(), user])).optional(),
  packages: z.array(z.unknown()).optional(),
  write_files: z.array(file).optional(),
  bootcmd: z.array(command).nullish(),
  runcmd: z.array(command).nullish(),
});

/** What user data asks of a guest. */
export type CloudConfig = z.infer<typeof schema>;
/** A file that user data asks for. */
export type CloudFile = z.infer<typeof file>;
/** A command as text for a shell, or as words. */
export type CloudCommand = z.infer<typeof command>;

/** Reads user data; a plain script is one command that is run once. */
export function readUserData(text: string | undefined): CloudConfig {
  if (text === undefined) return {};
  if (text.startsWith('#!')) return { runcmd: [text] };
  if (!/^(## template:.*\n)?#cloud-config\b/.test(text)) {
    throw new Error('user data is neither #cloud-config nor a script');
  }
  return schema.parse(parse(text) ?? {});
}

/** What a file of user data holds. */
export function contentOf({ content = '', encoding = '' }: CloudFile): string {
  const isBase64 = /b64|base64/.test(encoding);
  if (/gz/.test(encoding)) {
    return gunzipSync(Buffer.from(content, isBase64 ? 'base64' : 'latin1')).toString();
  }
  return isBase64 ? Buffer.from(content, 'base64').toString() : content;
}

/** A command as a line of a shell script. */
export function lineFor(command: CloudCommand): string {
  if (typeof command === 'string') return command;
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
