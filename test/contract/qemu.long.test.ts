import { qemuUnderTest } from './qemu.ts';
import { UNDER_TEST } from './under-test.ts';

UNDER_TEST.push(await qemuUnderTest());
await import('./contract.ts');
