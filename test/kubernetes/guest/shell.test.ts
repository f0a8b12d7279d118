import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GuestMachine } from '../ports.ts';
import { guestKit, userData, type GuestKit } from './guest-kit.ts';

let kit: GuestKit;
let machine: GuestMachine;
beforeAll(async () => {
  kit = guestKit();
  machine = kit.start('cluster1', 'cp', userData('hostname: control-plane'));
  await kit.untilDone(machine);
  kit.disks.files(machine.volumes[0] ?? '').set('/srv/three', 'one\ntwo\nthree\n');
});
afterAll(() => kit.close());

/** A command, what it writes, its status, and what it writes of errors. */
type Case = [command: string, out: string, status?: number, err?: string];

const CASES: Case[] = [
  [`echo "a  b" 'c d' e\\ f  g`, 'a  b c d e f g\n'],
  ['echo -n x; printf "%s-%d\\n" a 3', 'xa-3\n'],
  ['true && echo yes || echo no', 'yes\n'],
  ['false && echo yes || echo no', 'no\n'],
  ['false', '', 1],
  ['nonsense --x', '', 127, 'bash: line 1: nonsense: command not found\n'],
  ['./nothing', '', 127, 'sh: 1: ./nothing: not found\n'],
  ['cat /no/such/file', '', 1, 'cat: /no/such/file: No such file or directory\n'],
  ['cat /no/such/file 2>/dev/null || echo none', 'none\n'],
  ['ls /no/such', '', 2, "ls: cannot access '/no/such': No such file or directory\n"],
  ['rm /no/such', '', 1, "rm: cannot remove '/no/such': No such file or directory\n"],
  ['rm -f /no/such', ''],
  ['cat /root/x', '', 1, 'cat: /root/x: No such file or directory\n'],
  ['echo x > /etc/mine', '', 1, 'bash: line 1: /etc/mine: Permission denied\n'],
  ['sudo sh -c "echo x > /etc/ours" && cat /etc/ours', 'x\n'],
  [
    'echo secret | sudo tee /root/s; cat /root/s',
    'secret\n',
    1,
    'cat: /root/s: Permission denied\n',
  ],
  ['sudo -n -u root cat /root/s', 'secret\n'],
  ['cd /tmp; echo 1 > a; echo 2 >> a; cat < a; wc -l a', '1\n2\n2 a\n'],
  ['mkdir -p /tmp/d/e && touch /tmp/d/e/f /tmp/d/.g && ls -A /tmp/d', '.g\ne\n'],
  ['ls -1 /tmp/d', 'e\n'],
  ['mkdir /tmp/d', '', 1, "mkdir: cannot create directory '/tmp/d': File exists\n"],
  ['cp /tmp/a /tmp/b && mv /tmp/b /tmp/c && cat /tmp/c && test ! -e /tmp/b', '1\n2\n'],
  ['echo /tmp/[ac]', '/tmp/a /tmp/c\n'],
  ['echo "/tmp/*" /tmp/none*', '/tmp/* /tmp/none*\n'],
  ['rm -rf /tmp/* && ls -A /tmp', ''],
  ['[ -s /srv/three ] && [ -d /srv ] && [ a != b ] && [ 2 -lt 10 ] && echo ok', 'ok\n'],
  ['head -n 1 /srv/three; tail -n 1 /srv/three; tail -1 /srv/three', 'one\nthree\nthree\n'],
  ['grep -c o /srv/three; grep -q nine /srv/three', '2\n', 1],
  ['sed -n 2p /srv/three; sed "s/one/1/" /srv/three | head -n1', 'two\n1\n'],
  [
    'cat /srv/three | cut -c1 2>/dev/null; cut -d: -f1 /etc/passwd | head -n1',
    expect.stringMatching(/root\n$/) as string,
  ],
  [`awk 'NR == 2 { print $1 }' /srv/three`, 'two\n'],
  ['printf "a b" | base64', 'YSBi\n'],
  ['echo YSBi | base64 -d', 'a b'],
  ['X=5; echo $X "${Y:-none}" ${X}0 $((X + 2))', '5 none 50 7\n'],
  ['echo "$(hostname) $(echo $(whoami))"', 'control-plane suporte\n'],
  ['A=1 sh -c \'echo $A "$1"\' sh "x y"', '1 x y\n'],
  ['env B=2 sh -c "echo \\$B"', '2\n'],
  ['for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done', '1\n3\n'],
  ['i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i', '3\n'],
  ['if grep -q two /srv/three; then echo in; else echo out; fi', 'in\n'],
  ['case abc in x) echo x;; a*) echo a;; esac', 'a\n'],
  ['f() { echo "got $1"; return 4; }; f x; echo $?', 'got x\n4\n'],
  ['set -e; false; echo never', '', 1],
  ['set -e; false || true; echo still', 'still\n'],
  ['cat <<EOF\nI am $(whoami)\nEOF', 'I am suporte\n'],
  ["cat <<'EOF'\n$HOME\nEOF", '$HOME\n'],
  ['printf "a\\nb\\n" | while read -r x; do echo "<$x>"; done', '<a>\n<b>\n'],
  ['exit 3', '', 3],
  ['(exit 4); echo $?', '4\n'],
  ['! false', ''],
  ['timeout 2 sleep 100', '', 124],
  ['sleep 0.5 && echo slept', 'slept\n'],
  ['uname -s; id -un; sudo id -u', 'Linux\nsuporte\n0\n'],
  ['stat -c "%a %U %s" /srv/three', '644 root 14\n'],
  ['mkdir -p /tmp/x/y; touch /tmp/x/y/z.log; find /tmp/x -name "*.log"', '/tmp/x/y/z.log\n'],
  ['find /tmp/x -mindepth 1 -delete; ls -A /tmp/x', ''],
  [
    'find /srv -type f -exec wc -l {} +; find /srv -name three -exec head -n1 {} \\;',
    '3 /srv/three\none\n',
  ],
  ['sudo truncate -s 0 /var/log/syslog && wc -c /var/log/syslog', '0 /var/log/syslog\n'],
  ['sudo journalctl --vacuum-time=1s', '', 0, expect.stringContaining('Vacuuming done') as string],
  ['systemctl is-active sshd kubelet', 'active\ninactive\n', 3],
  ['systemctl restart sshd', '', 1, expect.stringContaining('authentication required') as string],
  [
    'sudo systemctl start nothing',
    '',
    5,
    'Failed to start nothing.service: Unit nothing.service not found.\n',
  ],
  ['cloud-init status', 'status: done\n'],
  [
    'ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub',
    expect.stringMatching(/^256 SHA256:\S{43} /) as string,
  ],
  ['date +%s', expect.stringMatching(/^1767\d+\n$/) as string],
  ['umask 077; echo x > /tmp/u; stat -c %a /tmp/u', '600\n'],
  ['echo a; # a comment\necho b &&\n  echo c', 'a\nb\nc\n'],
  ['echo "unended', '', 2, expect.stringContaining('Syntax error') as string],
];

test.each<Case>(CASES)('shell: %s', async (command, out, status = 0, err?: string) => {
  const answer = await kit.run(machine, command);
  expect(answer).toEqual({ out, status, err: err ?? (expect.any(String) as string) });
});

test('shell: what is written to a command goes to its input', async () => {
  const answer = await kit.run(machine, 'tee /tmp/in | wc -l', 'a\nb\n');
  expect(answer).toEqual({ out: '2\n', err: '', status: 0 });
  expect((await kit.run(machine, 'cat /tmp/in')).out).toBe('a\nb\n');
});

test('shell: sleep takes virtual time', async () => {
  const from = kit.world.elapsed();
  await kit.run(machine, 'sleep 1m');
  expect(kit.world.elapsed() - from).toBe(60_000);
});

test('shell: a loop that sleeps goes on as long as it must', async () => {
  const loop = 'n=0; until false; do n=$((n+1)); [ $n -lt 900 ] || exit 9; sleep 1; done';
  expect((await kit.run(machine, loop)).status).toBe(9);
});

test('shell: a loop that would hang for ever is killed', async () => {
  expect(await kit.run(machine, 'until false; do :; done; echo left')).toMatchObject({
    out: '',
    status: 137,
  });
});
