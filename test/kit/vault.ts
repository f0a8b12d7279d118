/** A key of tests: what they seal, every process of theirs opens. */
export const TEST_KEY = Buffer.alloc(32, 7);
