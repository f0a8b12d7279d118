import { builder } from './builder.ts';
import { SnapshotNode } from './nouns.ts';

const SnapshotSourceEnum = builder.enumType('SnapshotSource', {
  description: 'What a snapshot is made of.',
  values: {
    IMAGE: { description: 'A guest was started from the image here, and captured.' },
    PREBUILT: { description: 'It was captured elsewhere, and fetched from a registry.' },
    CLUSTER: { description: 'It was captured on a cluster of the pool.' },
    SESSION: { description: 'It was captured on the cluster of a session.' },
  },
});

// What it is made of.
builder.objectFields(SnapshotNode, (t) => ({
  source: t.expose('source', {
    type: SnapshotSourceEnum,
    description: 'What it is made of in fact; what was intended, until it is ready.',
  }),
  sourceReason: t.exposeString('sourceReason', {
    nullable: true,
    description: 'Why it is not made of what the settings prefer; null when it is.',
  }),
  image: t.exposeString('image', {
    nullable: true,
    description: 'The version of the image in it, such as games@3; null where images have none.',
  }),
  digest: t.exposeString('digest', {
    nullable: true,
    description: 'What its content is known by, sha256:…; null where nothing is hashed.',
  }),
  outdated: t.exposeBoolean('outdated', {
    description: 'Whether it is to be replaced because its image has another version now.',
  }),
}));
