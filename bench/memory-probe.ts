/**
 * Loaded into the server that is measured, before its own code: tells what the process holds when
 * it is asked. The server itself knows nothing of it.
 */
process.on('message', () => {
  // The second time takes what the first one has let go of.
  for (let times = 0; times < 2; times += 1) globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
// Whoever measures is gone: so is the reason to run.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// It must not be what keeps the server from ending.
process.channel?.unref();
