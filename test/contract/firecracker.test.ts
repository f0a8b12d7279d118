import { fakeFirecrackerUnderTest } from './firecracker.ts';
import { UNDER_TEST } from './under-test.ts';

UNDER_TEST.push(fakeFirecrackerUnderTest());
await import('./contract.ts');
