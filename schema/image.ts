import { builder, forViewer } from './builder.ts';
import { databaseId, globalId } from './global-id.ts';
import { imageActions } from './model/allowed-actions.ts';
import type { CatalogueEntry, Image, ImageRecipe } from './model/image.ts';
import { hasRole } from './model/viewer.ts';
import { ALLOWED_ACTIONS, referred, VERSION } from './noun.ts';
import { ImageNode } from './nouns.ts';
import { connectionOf, pageArgs, readPage } from './page.ts';
import { PhaseObject } from './phase.ts';
import { NODE_ID } from './relay.ts';

const ImageStatusEnum = builder.enumType('ImageStatus', {
  description: 'The state of an image.',
  values: {
    CREATING: { description: 'Being built or fetched, or waiting for its turn or its parent.' },
    READY: { description: 'Complete: VMs can be started from it.' },
    FAILED: { description: 'Could not be built or fetched, or its files are gone.' },
    DELETING: { description: 'Being deleted; gone from lists when it is.' },
  },
});

const ImageSourceEnum = builder.enumType('ImageSource', {
  description: 'How an image came here.',
  values: {
    BUILT: { description: 'Built on this machine from its recipe.' },
    PULLED: { description: 'Fetched from a registry.' },
    IMPORTED: { description: 'Made from files that somebody had.' },
  },
});

interface ImageFile {
  readonly path: string;
  readonly content: string;
}

const ImageFileObject = builder.objectRef<ImageFile>('ImageFile').implement({
  description: 'A file that is put into an image as it is.',
  authScopes: forViewer,
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Where it lies in the guest.' }),
    content: t.string({
      nullable: true,
      description: 'Its text; null to all but admins, for it may be meant for guests only.',
      resolve: ({ content }, _args, { viewer }) => (hasRole(viewer, 'ADMIN') ? content : null),
    }),
  }),
});

const ImageRecipeObject = builder.objectRef<ImageRecipe>('ImageRecipe').implement({
  description: 'What an image is built of.',
  authScopes: forViewer,
  fields: (t) => ({
    parent: t.exposeString('parent', {
      nullable: true,
      description: 'The image it is built on; null for one that stands on packages alone.',
    }),
    packages: t.stringList({
      description: 'Packages of Debian that are put into it, with what those need.',
      resolve: ({ packages }) => [...packages],
    }),
    files: t.field({
      type: [ImageFileObject],
      description: 'Files that are put into it as they are.',
      resolve: ({ files }) => Object.entries(files).map(([path, content]) => ({ path, content })),
    }),
    steps: t.field({
      type: t.listRef(t.listRef('String')),
      description: 'Commands run in a guest of the parent, in order: program and arguments.',
      resolve: ({ steps }) => steps.map((step) => [...step]),
    }),
  }),
});

ImageNode.implement({
  description: 'One version of a named image: what VMs on this machine are started from.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('Image', id) }),
    name: t.exposeString('name', { description: 'The name that pools use.' }),
    imageVersion: t.exposeInt('imageVersion', {
      description: 'Which version of the name, from 1. Numbers are never used again.',
    }),
    status: t.expose('status', { type: ImageStatusEnum, description: 'Its state.' }),
    statusMessage: t.exposeString('statusMessage', {
      nullable: true,
      description: 'What it is at, or why it failed, in a sentence.',
    }),
    current: t.exposeBoolean('current', {
      description:
        'Whether pools that name the image are made from this version: the newest that is ' +
        'READY, until somebody goes back to an older one.',
    }),
    source: t.expose('source', { type: ImageSourceEnum, description: 'How it came here.' }),
    reference: t.exposeString('reference', {
      nullable: true,
      description: 'The tag or address it was fetched from.',
    }),
    recipe: t.field({
      type: ImageRecipeObject,
      nullable: true,
      description: 'What it is built of; null where that is not known.',
      resolve: ({ recipe }) => recipe,
    }),
    timeline: t.field({
      type: [PhaseObject],
      description: 'The steps of its making, in order: parent, each command, capture, packing.',
      resolve: (image, _args, { reads }) => reads.timeline(image.id),
    }),
  }),
});

// What it is built on, and what depends on it.
builder.objectFields(ImageNode, (t) => ({
  parent: t.field({
    type: ImageNode,
    nullable: true,
    description: 'The version it is built on; it stays as long as this one does.',
    resolve: ({ id, parentId }, _args, { reads }) =>
      parentId === null ? null : referred(reads.image(parentId), `the parent of image ${id}`),
  }),
  children: t.field({
    type: [ImageNode],
    description: 'The versions that are built on it, the oldest first.',
    resolve: (image, _args, { reads }) => [...reads.imageUse(image).children],
  }),
  usedBy: t.stringList({
    description: 'The names of the pools that are made from it, or have golden states of it.',
    resolve: (image, _args, { reads }) => [...reads.imageUse(image).pools],
  }),
  allowedActions: t.stringList({
    description: ALLOWED_ACTIONS,
    resolve: (image, _args, { reads, viewer }) =>
      imageActions(image, isUsed(reads.imageUse(image)), viewer),
  }),
  version: t.exposeInt('version', { description: VERSION }),
}));

// What is in it, and where else it is.
builder.objectFields(ImageNode, (t) => ({
  arch: t.exposeString('arch', {
    nullable: true,
    description: 'The architecture of its guests, such as amd64; null until known.',
  }),
  digest: t.exposeString('digest', {
    nullable: true,
    description: 'sha256: and the hash of its content; null until it is ready.',
  }),
  sizeBytes: t.exposeFloat('sizeBytes', {
    nullable: true,
    description: 'What it takes on disk, in bytes, its parent not counted; null until known.',
  }),
  compressedBytes: t.exposeFloat('compressedBytes', {
    nullable: true,
    description: 'What it takes on its way to a registry, in bytes; null until that is known.',
  }),
  contents: t.stringList({
    description: 'What is in it, a line each: packages with versions, files, steps.',
    resolve: ({ contents }) => [...contents],
  }),
  publishing: t.exposeString('publishTag', {
    nullable: true,
    description: 'The tag under which it is being sent to the registry; null when it is not.',
  }),
  publishedAs: t.exposeString('publishedAs', {
    nullable: true,
    description: 'The address it was sent to last, with the tag.',
  }),
  publishedDigest: t.exposeString('publishedDigest', {
    nullable: true,
    description: 'What the registry knows that by.',
  }),
  publishError: t.exposeString('publishError', {
    nullable: true,
    description: 'Why it could not be sent; null when it could.',
  }),
  actor: t.exposeString('actor', { description: 'Who asked for it; system if it was found.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
  readyAt: t.expose('readyAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was complete; null until then.',
  }),
  buildMs: t.exposeInt('buildMs', {
    nullable: true,
    description: 'How long its making took, in milliseconds, without waiting; null if not made.',
  }),
}));

function isUsed({ children, pools }: { children: readonly Image[]; pools: readonly string[] }) {
  return children.length > 0 || pools.length > 0;
}

const ImageConnection = connectionOf(ImageNode, 'images');

const CatalogueEntryObject = builder.objectRef<CatalogueEntry>('ImageCatalogueEntry').implement({
  description: 'A named image that can be built by its name alone.',
  authScopes: forViewer,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    description: t.exposeString('description', { description: 'What it is for.' }),
    recipe: t.field({
      type: ImageRecipeObject,
      description: 'What it is built of.',
      resolve: ({ recipe }) => recipe,
    }),
  }),
});

const ImageTagsObject = builder
  .objectRef<{ readonly tags: readonly string[]; readonly problem: string | null }>('ImageTags')
  .implement({
    description: 'What the registry has.',
    authScopes: forViewer,
    fields: (t) => ({
      tags: t.stringList({
        description: 'The tags of the registry that the settings name, in order.',
        resolve: ({ tags }) => [...tags],
      }),
      problem: t.exposeString('problem', {
        nullable: true,
        description: 'Why nothing can be told of the registry; null when it answered.',
      }),
    }),
  });

builder.queryFields((t) => ({
  image: t.field({
    type: ImageNode,
    nullable: true,
    authScopes: forViewer,
    description: 'One version of an image; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, args, { reads }) => {
      const id = databaseId('Image', args.id);
      return id === undefined ? null : reads.image(id);
    },
  }),
  images: t.field({
    type: ImageConnection,
    authScopes: forViewer,
    description: 'Images of this machine, all their versions, newest first.',
    args: {
      name: t.arg.string({ description: 'Only versions of this name; all without it.' }),
      ...pageArgs,
    },
    resolve: (_root, args, { reads }) =>
      readPage(args, (page) => reads.images({ name: args.name ?? undefined }, page)),
  }),
  imageCatalogue: t.field({
    type: [CatalogueEntryObject],
    authScopes: forViewer,
    description: 'The named images that `buildImage` can build by their name alone.',
    resolve: (_root, _args, { verbs }) => [...verbs.readImageCatalogue()],
  }),
  imageTags: t.field({
    type: ImageTagsObject,
    authScopes: forViewer,
    description: 'The tags of the registry that the settings name; asked at most every 10 s.',
    resolve: (_root, _args, { verbs }) => verbs.readImageTags(),
  }),
}));
