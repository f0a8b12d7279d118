import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NODES } from '../../../../server/providers/kubevirt/guest-data/network.ts';
import {
  TUNNEL,
  TUNNEL_SCRIPT,
  tunnelSettings,
} from '../../../../server/providers/kubevirt/guest-data/tunnel.ts';

// The guest's script before a real kernel, in a network namespace that goes with its process.

const TRIAL = 'ip link add trial type vxlan id 1 dstport 8472 && command -v bridge';
const canTry = spawnSync('unshare', ['-rn', 'sh', '-c', TRIAL]).status === 0;

describe.skipIf(!canTry)('the tunnel (needs unshare, ip, bridge and vxlan)', () => {
  test('is built twice as well as once, and follows the other node', () => {
    const folder = mkdtempSync(join(tmpdir(), 'snapyard-tunnel-'));
    try {
      const [own, peer] = [NODES.CONTROL_PLANE, NODES.WORKER];
      if (own === undefined || peer === undefined) throw new Error('there are two nodes');
      const at = (name: string) => join(folder, name);
      writeFileSync(at('settings'), tunnelSettings(own, peer));
      writeFileSync(at('resolv'), 'search a-1.svc.cluster.local\n');
      const script = TUNNEL_SCRIPT.replaceAll(TUNNEL.settings, at('settings')).replaceAll(
        '/run/systemd/resolve/resolv.conf',
        at('resolv'),
      );
      writeFileSync(at('tunnel'), script);
      const tunnel = `sh ${at('tunnel')}`;
      const show = `ip -o -4 address show dev snapyard0 && ip route show ${peer.pods}`;
      const trial = `${tunnel} up && ${tunnel} up && ${show}`;
      const { stdout, stderr } = spawnSync('unshare', ['-rn', 'sh', '-c', trial], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(stdout).toContain(`inet ${own.address}/24`);
      expect(stdout).toContain(`${peer.pods} via ${peer.address} dev snapyard0`);
      expect(stdout.match(/inet /g)).toHaveLength(1);
      expect(follow(script, folder, ['10.9.0.2', '10.9.0.2', '10.9.0.7'])).toEqual(['10.9.0.7']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Where frames for the other node go, after it has had these addresses one after the other. */
function follow(script: string, folder: string, addresses: readonly string[]): string[] {
  const answers = addresses.map((address, turn) => `${turn}) echo "${address} STREAM" ;;`);
  const told = `
    turn=0
    getent() { case $(cat ${folder}/turn) in ${answers.join(' ')} esac; }
    sleep() {
      turn=$((turn+1)); echo $turn > ${folder}/turn
      [ $turn -lt ${addresses.length} ] || { bridge fdb show dev snapyard0; exit 0; }
    }
    echo 0 > ${folder}/turn
    up && follow
  `;
  const [functions = ''] = script.split('case "');
  const { stdout } = spawnSync('unshare', ['-rn', 'sh', '-c', functions + told], {
    encoding: 'utf8',
  });
  return [...stdout.matchAll(/^00:00:00:00:00:00 dst (\S+)/gm)].map(([, to]) => to ?? '');
}
