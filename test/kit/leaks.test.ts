import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findLeaks, listOpenThings, waitForNoLeaks } from './leaks.ts';

// Each kind of leak is planted, found by name, and taken away again.

test('finds a timer', async () => {
  const before = listOpenThings();
  const timer = setInterval(() => {}, 60_000);
  expect(findLeaks(before, listOpenThings())).toEqual(['Timeout']);
  clearInterval(timer);
  expect(await waitForNoLeaks(before)).toEqual([]);
});

test('finds a listening server', async () => {
  const before = listOpenThings();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  expect(findLeaks(before, listOpenThings())).toEqual(['TCPServerWrap']);
  server.close();
  expect(await waitForNoLeaks(before)).toEqual([]);
});

test.skipIf(process.platform !== 'linux')('finds a detached child (needs Linux)', async () => {
  const before = listOpenThings();
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  child.unref();
  await once(child, 'spawn');
  expect(await waitForNoLeaks(before, 100)).toEqual([`child process ${child.pid} sleep 60`]);
  child.kill('SIGKILL');
  expect(await waitForNoLeaks(before)).toEqual([]);
});

test.skipIf(process.platform !== 'linux')('finds an open file (needs Linux)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-leaks-'));
  const path = join(folder, 'left.db');
  const before = listOpenThings();
  const fd = openSync(path, 'w');
  expect(findLeaks(before, listOpenThings())).toEqual([`open file ${path}`]);
  closeSync(fd);
  expect(await waitForNoLeaks(before)).toEqual([]);
  rmSync(folder, { recursive: true });
});

test('waits for what is about to close', async () => {
  const before = listOpenThings();
  setTimeout(() => {}, 100);
  expect(await waitForNoLeaks(before)).toEqual([]);
});
