import { kubevirtUnderTest, realKubevirtUnderTest } from './kubevirt.ts';
import { UNDER_TEST } from './under-test.ts';

UNDER_TEST.push(kubevirtUnderTest({ major: 1, minor: 9 }), realKubevirtUnderTest());
await import('./contract.ts');
