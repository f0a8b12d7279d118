import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, by the time they take. Left alone, the smallest file runs last. */
const LONG = [
  'test/contract/qemu.long.test.ts',
  'test/story/hour.long.test.ts',
  'test/story/session-page.long.test.ts',
  'test/story/pool-page.long.test.ts',
  'test/story/kubevirt.long.test.ts',
  'test/story/page.test.ts',
  'test/feed/feed.test.ts',
  'test/bench/bench.long.test.ts',
  'test/client/real-server.test.ts',
  'test/server/providers/qemu/real-vm.test.ts',
  'test/simulation/simulation.test.ts',
  'test/client/package.long.test.ts',
  'test/fleet/faults.test.ts',
  'test/contract/kubevirt.test.ts',
  'test/server/failing-provider.test.ts',
  'test/story/kill.test.ts',
  'test/story/backup.test.ts',
  'test/fleet/adoption.test.ts',
  'test/fleet/kill.long.test.ts',
  'test/fleet/pool.test.ts',
  'test/fleet/sets.test.ts',
];

/** Starts the long files first, so that none of them is still at work when all others are done. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    const { root } = this.ctx.config;
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = LONG.indexOf(relative(root, moduleId));
      return place === -1 ? LONG.length : place;
    };
    return usual.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}
