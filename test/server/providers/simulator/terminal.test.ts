import { expect, test } from 'vitest';
import { Terminal } from '../../../../server/providers/simulator/terminal.ts';

function typed(...keys: (string | Buffer)[]) {
  const run: string[] = [];
  const terminal = new Terminal({
    prompt: '# ',
    run: (line) => {
      run.push(line);
      return line === '' ? '' : `ran ${line}\n`;
    },
  });
  let shown = '';
  let most = 0;
  let portions = 0;
  for (const key of keys) {
    terminal.type(Buffer.from(key as string));
    while (terminal.isBusy) {
      const portion = terminal.show();
      shown += portion;
      most = Math.max(most, portion.length);
      portions += 1;
    }
  }
  return { run, shown, most, portions };
}

test('it shows what is typed, and what comes of a line', () => {
  expect(typed('ec', 'ho\r', '\r')).toMatchObject({
    run: ['echo', ''],
    shown: 'echo\r\nran echo\r\n# \r\n# ',
  });
});

test.each([
  ['backspace takes a character back', ['lz\u007fs\r'], ['ls']],
  ['and nothing before the first', ['\u007f\bls\r'], ['ls']],
  ['^U takes the line back', ['rm -rf\u0015ls\r'], ['ls']],
  ['^C begins a new one', ['rm\u0003ls\r'], ['ls']],
  ['CR LF is one end', ['ls\r\nls\n'], ['ls', 'ls']],
  ['up recalls the line before', ['a\rb\r\u001b[A\u001b[A\r'], ['a', 'b', 'a']],
  ['down goes back', ['a\rb\r\u001b[A\u001b[A\u001b[B\r'], ['a', 'b', 'b']],
  ['keys that mean nothing here are not typed', ['l\u001b[D\u001b[3~\u001bOP\ts\r'], ['ls']],
  ['a character may come in pieces', [Buffer.from([0xc3]), Buffer.from([0xa9, 0x0d])], ['é']],
] as const)('%s', (_name, keys, run) => {
  expect(typed(...keys).run).toEqual(run);
});

test('a line is not longer than a terminal takes', () => {
  expect(typed('x'.repeat(10_000), '\r').run[0]).toHaveLength(4_096);
});

test('what shows much is worked off in portions, in the order in which it was typed', () => {
  const again = '\u001b[A\r'.repeat(100);
  const { run, most, portions } = typed(`${'x'.repeat(4_000)}\r`, again);
  expect(run).toHaveLength(101);
  expect(new Set(run).size).toBe(1);
  expect(portions).toBeGreaterThan(40);
  expect(most).toBeLessThan(40_000);
  expect(typed('\r'.repeat(10_000)).portions).toBeGreaterThan(200);
});
