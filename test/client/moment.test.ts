import { expect, test } from 'vitest';
import { formatSeconds } from '../../client/dashboard/moment.tsx';

test.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min 00 s'],
  [849, '14 min 09 s'],
  [3_600, '1 h 00 min'],
  [7_530, '2 h 05 min'],
])('%i seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
