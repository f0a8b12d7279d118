import { execFile, execFileSync } from 'node:child_process';

/**
 * Why there is no kubectl here, in one line; undefined when there is one. Where one is required
 * (SNAPYARD_REQUIRE_KUBECTL=1, as in CI) its absence is an error.
 */
export function whyNoKubectl(): string | undefined {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return undefined;
  } catch {
    const why = 'no kubectl test: it is missing ("apt-get install kubernetes-client" brings it)';
    if (process.env['SNAPYARD_REQUIRE_KUBECTL'] === '1') throw new Error(why);
    console.log(why);
    return why;
  }
}

/** Runs a real kubectl against the API server of a kubeconfig; answers what it prints. */
export function kubectl(
  kubeconfig: string,
  home: string,
  args: readonly string[],
): Promise<string> {
  // It keeps what it discovered in its home folder.
  const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: kubeconfig };
  return new Promise((resolve, reject) => {
    execFile('kubectl', [...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`kubectl ${args.join(' ')}: ${stderr}`, { cause: error }));
    });
  });
}
