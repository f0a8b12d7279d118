import { kubevirtUnderTest } from './kubevirt.ts';
import { UNDER_TEST } from './under-test.ts';

// The oldest release that is supported, whose restores know no policies.
UNDER_TEST.push(kubevirtUnderTest({ major: 1, minor: 5 }, [60_000]));
await import('./contract.ts');
