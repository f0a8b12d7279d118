import { test } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import { kubevirtUnderTest } from './kubevirt.ts';
import { UNDER_TEST } from './under-test.ts';

// The oldest release that is supported, whose restores know no policies. What is different there
// has tests of its own; the whole contract is held to it by `npm run check:kubevirt`.

const { all } = seedsOf('kubevirt', 1);
if (all) UNDER_TEST.push(kubevirtUnderTest({ major: 1, minor: 5 }));
if (all) await import('./contract.ts');
test.skipIf(!all)('KubeVirt 1.5 (needs npm run check:kubevirt)', () => {});
