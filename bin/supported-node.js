/**
 * The Node versions Snapyard runs on, in plain JavaScript that every Node can read.
 *
 * Below Node-API 10 the SQLite binding loads and then kills the process without a word, so this is
 * asked before anything of ours is imported.
 */

/** The same range as `engines.node` in package.json. */
export const SUPPORTED_NODE = '^22.19.0 || ^24.0.0 || >=26.0.0';

/**
 * Whether a Node with these versions can run Snapyard.
 *
 * @param {{ node: string, napi?: string | undefined }} versions as in `process.versions`
 * @returns {boolean}
 */
export function isSupportedNode(versions) {
  const parts = versions.node.split('.').map(Number);
  const major = parts[0] ?? 0;
  const minor = parts[1] ?? 0;
  const inRange = major >= 26 || major === 24 || (major === 22 && minor >= 19);
  return inRange && Number(versions.napi) >= 10;
}

/**
 * One line for people whose Node is too old.
 *
 * @param {string} version as in `process.versions.node`
 * @returns {string}
 */
export function refusalLine(version) {
  return (
    'snapyard: Node ' +
    version +
    ' is not supported, it needs ' +
    SUPPORTED_NODE +
    '. Run "npm ci" (it brings its own Node on Linux) or install Node 24.'
  );
}
