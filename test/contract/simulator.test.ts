import { simulatorUnderTest } from './simulator.ts';
import { UNDER_TEST } from './under-test.ts';

UNDER_TEST.push(simulatorUnderTest('two-node'), simulatorUnderTest('micro'));
await import('./contract.ts');
