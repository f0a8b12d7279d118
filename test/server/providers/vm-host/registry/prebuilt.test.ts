import { expect, test } from 'vitest';
import {
  type Fetched,
  type PrebuiltDecision,
  decidePrebuilt,
} from '../../../../../server/providers/vm-host/registry/prebuilt.ts';

const repository = 'registry.example.org/mroie/qemu-snapshots';
const tag = 'win98-base';
const ON = { wanted: true, repository, tag };
const OFF = { wanted: false, repository, tag };
const NOWHERE = { wanted: true, repository: undefined, tag };
const HERE: Fetched = { kind: 'HERE', digest: `sha256:${'a'.repeat(64)}` };
const DOWN: Fetched = { kind: 'FAILED', reason: 'the registry does not answer', retryable: true };
const BAD: Fetched = { kind: 'FAILED', reason: 'the image is damaged', retryable: false };

const FETCH = { kind: 'FETCH', reference: `${repository}:${tag}` } as const;
const PREBUILT = { kind: 'USE', source: 'PREBUILT', reason: null, digest: HERE.digest } as const;
const base = (reason: string | null) => ({ kind: 'USE', source: 'IMAGE', reason }) as const;
const error = (why: string, retryable: boolean) => {
  const nothing = 'there is no base image on this machine either (npm run qemu:image builds it)';
  return { kind: 'ERROR', reason: `${why}; ${nothing}`, retryable } as const;
};
const OFF_WHY = 'USE_PREBUILT_SNAPSHOT is false, so nothing was fetched';
const NOWHERE_WHY = 'SNAPSHOT_REGISTRY is not set, so nothing was fetched';
const failed = (why: string) => `The prebuilt image ${repository}:${tag} could not be used: ${why}`;

type Row = [string, typeof ON | typeof NOWHERE, boolean, Fetched | undefined, PrebuiltDecision];

test.each<Row>([
  ['it is fetched first', ON, true, undefined, FETCH],
  ['also without a base image', ON, false, undefined, FETCH],
  ['what was fetched serves', ON, true, HERE, PREBUILT],
  ['also without a base image', ON, false, HERE, PREBUILT],
  ['a registry that is down: base', ON, true, DOWN, base(failed(DOWN.reason))],
  ['a damaged image: base', ON, true, BAD, base(failed(BAD.reason))],
  ['down and no base: try again', ON, false, DOWN, error(failed(DOWN.reason), true)],
  ['damaged and no base: give up', ON, false, BAD, error(failed(BAD.reason), false)],
  ['no registry: base', NOWHERE, true, undefined, base(NOWHERE_WHY)],
  ['no registry, no base', NOWHERE, false, undefined, error(NOWHERE_WHY, false)],
  ['switched off: base, as ordered', OFF, true, undefined, base(null)],
  ['switched off: what is here is not taken either', OFF, true, HERE, base(null)],
  ['switched off, no base', OFF, false, undefined, error(OFF_WHY, false)],
])('%s', (_title, settings, hasBase, fetched, decision) => {
  expect(decidePrebuilt(settings, hasBase, fetched)).toEqual(decision);
});
