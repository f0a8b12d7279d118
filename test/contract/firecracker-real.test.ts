import { realFirecrackerUnderTest } from './firecracker.ts';
import { UNDER_TEST } from './under-test.ts';

UNDER_TEST.push(await realFirecrackerUnderTest());
await import('./contract.ts');
