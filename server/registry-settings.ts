import { z } from 'zod';
import { TAG, isPlace, readRepository } from '../schema/model/registry-reference.ts';
import { readByteSize } from './byte-size.ts';

/** Where images of VMs come from and go to. */
export interface RegistryConfig {
  /** Whether pools may be served from an image that was made elsewhere. */
  readonly usePrebuilt: boolean;
  /** `host/owner/name`; undefined where nothing is fetched and nothing published. */
  readonly repository: string | undefined;
  /** The tag of the prebuilt image. */
  readonly tag: string;
  /** Other places that images may come from or go to, with everything below them. */
  readonly allowed: readonly string[];
  /** Bytes over the wire that one image may have. */
  readonly pullLimitBytes: number;
  /** The file of credentials, as container tools write it. */
  readonly authFile: string | undefined;
}

/** `true` or `false`, and nothing that looks like it. */
export const yesOrNo = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((text) => text === 'true');

/** A repository of a registry. */
export const repository = z.string().transform((text, context) => {
  const read = readRepository(text);
  if ('wrong' in read) {
    const message = `must be such as registry.example.org/owner/name; it ${read.wrong}`;
    context.addIssue({ code: 'custom', message });
  }
  return text;
});

/** The name of a version in a repository. */
export const tag = z
  .string()
  .regex(TAG, 'must be a tag: letters, digits and . _ -, at most 128, no . or - at the beginning');

/** Places in registries, separated by commas. */
export const places = z.string().transform((text, context) => {
  const list = text.split(',').flatMap((part) => part.trim() || []);
  const bad = list.find((place) => !isPlace(place));
  if (bad !== undefined) {
    const such = 'must be places such as registry.example.org/owner, separated by commas';
    context.addIssue({ code: 'custom', message: `${such}; not ${bad}` });
  }
  return list;
});

/** A size within bounds that are sizes themselves. */
export const byteSize = (min: string, max: string) =>
  z.string().transform((text, context) => {
    const size = readByteSize(text);
    const [least, most] = [readByteSize(min) ?? 0, readByteSize(max) ?? 0];
    if (size === null || size < least || size > most) {
      const message = `must be a size from ${min} to ${max}, such as 2G or 512M`;
      context.addIssue({ code: 'custom', message });
    }
    return size ?? 0;
  });
