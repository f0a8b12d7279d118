import { z } from 'zod';
import { faultOfPath, IMAGE_NAME } from './model/image.ts';
import { readReference, TAG } from './model/registry-reference.ts';

/**
 * What a caller may say of images, parsed once at the edge and trusted inside. What a guest is
 * given is bounded here: how much of it, and what a path or a package may look like.
 */

const MOST_PACKAGES = 200;
const MOST_FILES = 100;
const MOST_STEPS = 100;
const MOST_ARGUMENTS = 100;
/** All files of a recipe together, in characters. */
const MOST_TEXT = 65_536;

/** The name of an image. */
export const imageName = z.string().regex(IMAGE_NAME, 'must match [a-z][a-z0-9-]{0,29}');

const packageName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+.-]{1,99}$/, 'must be the name of a Debian package');

const path = z
  .string()
  .max(1_024)
  .superRefine((text, context) => {
    const message = faultOfPath(text);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

const files = z
  .array(z.strictObject({ path, content: z.string() }))
  .max(MOST_FILES)
  .refine((list) => new Set(list.map((file) => file.path)).size === list.length, {
    message: 'each path only once',
  })
  .refine((list) => list.reduce((sum, { content }) => sum + content.length, 0) <= MOST_TEXT, {
    message: `at most ${MOST_TEXT} characters together`,
  });

const argument = z
  .string()
  .max(4_096)
  .regex(/^[^\0]*$/, 'must not contain a zero byte');
const step = z
  .array(argument)
  .min(1)
  .max(MOST_ARGUMENTS)
  .refine(([program]) => program !== '', { message: 'begins with a program' });

/** Input of `buildImage`. */
export const buildImageInput = z.strictObject({
  name: imageName,
  parent: imageName.nullish(),
  packages: z.array(packageName).max(MOST_PACKAGES).nullish(),
  files: files.nullish(),
  steps: z.array(step).max(MOST_STEPS).nullish(),
});
/** Input of `buildImage`. */
export type BuildImageInput = z.infer<typeof buildImageInput>;

const tag = z.string().regex(TAG, 'must be a tag such as games-3');

/** Input of `pullImage`. */
export const pullImageInput = z.strictObject({
  reference: z.string().check(({ value, issues }) => {
    if (TAG.test(value)) return;
    const read = readReference(value);
    if ('wrong' in read) issues.push({ code: 'custom', input: value, message: read.wrong });
  }),
  name: imageName,
});
/** Input of `pullImage`. */
export type PullImageInput = z.infer<typeof pullImageInput>;

/** Input of `publishImage`; the id is a database id. */
export const publishImageInput = z.strictObject({ imageId: z.string(), tag });
/** Input of `publishImage`. */
export type PublishImageInput = z.infer<typeof publishImageInput>;

/** Input of `rollbackImage`. */
export const rollbackImageInput = z.strictObject({
  name: z.string().max(10_000),
  imageVersion: z.int().min(1).nullish(),
});
/** Input of `rollbackImage`. */
export type RollbackImageInput = z.infer<typeof rollbackImageInput>;
