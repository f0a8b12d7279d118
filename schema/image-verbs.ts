import { builder, forAdmin } from './builder.ts';
import { wantedId } from './global-id.ts';
import {
  buildImageInput,
  publishImageInput,
  pullImageInput,
  rollbackImageInput,
} from './image-input.ts';
import { parseInput } from './inputs.ts';
import { ImageNode } from './nouns.ts';
import { refusals } from './refusal.ts';

const ImageFileInput = builder.inputType('ImageFileInput', {
  description: 'A file that is put into an image as it is.',
  fields: (t) => ({
    path: t.string({ required: true, description: 'Where it lies in the guest: a whole path.' }),
    content: t.string({ required: true, description: 'Its text.' }),
  }),
});

const BuildImageInput = builder.inputType('BuildImageInput', {
  description:
    'What to build. With a name alone: what the catalogue says, or, for a name that it does not ' +
    'know, what its last version was built of. With anything else: a recipe of its own.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'A letter, then lower-case letters, digits and dashes; at most 30 characters.',
    }),
    parent: t.string({
      description: 'The image it is built on; `base` when left out, for any other than itself.',
    }),
    packages: t.stringList({ description: 'Packages of Debian; what they need comes with them.' }),
    files: t.field({ type: [ImageFileInput], description: 'Files put into it as they are.' }),
    steps: t.field({
      type: t.listRef(t.listRef('String')),
      description: 'Commands run in a guest of the parent, in order: program and arguments.',
    }),
  }),
});

const PullImageInput = builder.inputType('PullImageInput', {
  description: 'What to fetch, and what to call it.',
  fields: (t) => ({
    reference: t.string({
      required: true,
      description: 'A tag of the registry that the settings name, or a whole address.',
    }),
    name: t.string({ required: true, description: 'The name it gets a new version of.' }),
  }),
});

const PublishImageInput = builder.inputType('PublishImageInput', {
  description: 'What to send to the registry.',
  fields: (t) => ({
    imageId: t.id({ required: true, description: 'The version.' }),
    tag: t.string({ required: true, description: 'Under which tag.' }),
  }),
});

const RollbackImageInput = builder.inputType('RollbackImageInput', {
  description: 'Which version to go back to.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name of the image.' }),
    imageVersion: t.int({
      description: 'The version; left out, the READY one before the current one.',
    }),
  }),
});

const DeleteImageInput = builder.inputType('DeleteImageInput', {
  description: 'Which version.',
  fields: (t) => ({ imageId: t.id({ required: true, description: 'Its id.' }) }),
});

// How versions come.
builder.mutationFields((t) => ({
  buildImage: t.field({
    type: ImageNode,
    authScopes: forAdmin,
    errors: refusals.image,
    description:
      'Builds a new version of a named image, and its parent first where that has none. An ' +
      'equal version that is CREATING is answered instead of a second one.',
    args: { input: t.arg({ type: BuildImageInput, required: true, description: 'What.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.buildImage(parseInput(buildImageInput, input)),
  }),
  pullImage: t.field({
    type: ImageNode,
    authScopes: forAdmin,
    errors: refusals.image,
    description: 'Fetches a new version of a named image from a registry.',
    args: { input: t.arg({ type: PullImageInput, required: true, description: 'What.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.pullImage(parseInput(pullImageInput, input)),
  }),
}));

// What becomes of them.
builder.mutationFields((t) => ({
  publishImage: t.field({
    type: ImageNode,
    authScopes: forAdmin,
    errors: refusals.image,
    description:
      'Sends a READY version to the registry; `publishing` is set until it is there, and ' +
      '`publishedAs` or `publishError` after that.',
    args: { input: t.arg({ type: PublishImageInput, required: true, description: 'What.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.publishImage(
        parseInput(publishImageInput, { ...input, imageId: wantedId('Image', input.imageId) }),
      ),
  }),
  rollbackImage: t.field({
    type: ImageNode,
    authScopes: forAdmin,
    errors: refusals.image,
    description:
      'Makes an older version current. Warm clusters and golden states of other versions are ' +
      'given up at once, so that the next session uses it; running sessions go on.',
    args: { input: t.arg({ type: RollbackImageInput, required: true, description: 'Which.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.rollbackImage(parseInput(rollbackImageInput, input)),
  }),
  deleteImage: t.field({
    type: ImageNode,
    authScopes: forAdmin,
    errors: refusals.image,
    description:
      'Deletes a version, or gives up its making. WrongState while versions are built on it, or ' +
      'pools use it: it names them.',
    args: { input: t.arg({ type: DeleteImageInput, required: true, description: 'Which.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.deleteImage(wantedId('Image', input.imageId)),
  }),
}));
