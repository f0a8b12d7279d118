import { readFileSync } from 'node:fs';
import { stringifyDocument } from '@urql/core';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { CLAIM } from '../../client/cluster-pool.tsx';
import { CHANGES } from '../../client/feed-message.ts';
import { POSITION } from '../../client/live-feed.ts';
import { RELEASE } from '../../client/session.tsx';

const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'));

test.each(Object.entries({ CHANGES, CLAIM, POSITION, RELEASE }))(
  '%s asks for what there is',
  (_name, document) => {
    expect(validate(schema, parse(stringifyDocument(document)))).toEqual([]);
  },
);
