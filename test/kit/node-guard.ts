import { isSupportedNode, refusalLine } from '../../bin/supported-node.js';

/** Runs once before all tests: on an older Node the SQLite binding would end them in silence. */
export default function checkNode(): void {
  if (!isSupportedNode(process.versions)) throw new Error(refusalLine(process.versions.node));
}
