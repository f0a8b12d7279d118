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
  const nothing = 'there is no base image on this machine (npm run qemu:image builds it)';
  return { kind: 'ERROR', reason: `${nothing}; ${why}`, retryable } as const;
};
const UNFETCHED = 'nothing was fetched, which USE_PREBUILT_SNAPSHOT and SNAPSHOT_REGISTRY decide';
const failed = (why: string) => `${repository}:${tag}: ${why}`;
const unusable = (why: string) => `the prebuilt snapshot could not be used: ${failed(why)}`;

type Row = [string, typeof ON | typeof NOWHERE, boolean, Fetched | undefined, PrebuiltDecision];

test.each<Row>([
  ['it is fetched first', ON, true, undefined, FETCH],
  ['also without a base image', ON, false, undefined, FETCH],
  ['what was fetched serves', ON, true, HERE, PREBUILT],
  ['also without a base image', ON, false, HERE, PREBUILT],
  ['a registry that is down: base', ON, true, DOWN, base(failed(DOWN.reason))],
  ['a damaged image: base', ON, true, BAD, base(failed(BAD.reason))],
  ['down and no base: try again', ON, false, DOWN, error(unusable(DOWN.reason), true)],
  ['damaged and no base: give up', ON, false, BAD, error(unusable(BAD.reason), false)],
  ['no registry: base, and no fallback', NOWHERE, true, undefined, base(null)],
  ['no registry, no base', NOWHERE, false, undefined, error(UNFETCHED, false)],
  ['switched off: base, as ordered', OFF, true, undefined, base(null)],
  ['switched off: what is here is not taken either', OFF, true, HERE, base(null)],
  ['switched off, no base', OFF, false, undefined, error(UNFETCHED, false)],
])('%s', (_title, settings, hasBase, fetched, decision) => {
  expect(decidePrebuilt(settings, hasBase, fetched)).toEqual(decision);
});
