/** What a golden image holds: an Ubuntu with containerd, kubeadm and the guest agent installed. */
export function imageFiles(name: string): Map<string, string> {
  return new Map([
    [
      '/etc/os-release',
      'ID=ubuntu\nNAME="Ubuntu"\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04"\n',
    ],
    ['/etc/hostname', 'ubuntu\n'],
    ['/etc/hosts', '127.0.0.1 localhost\n'],
    // Empty, as in every image that is meant to be copied: the first boot writes it.
    ['/etc/machine-id', ''],
    ['/etc/image-name', `${name}\n`],
    ['/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\n'],
    ['/usr/bin/kubeadm', ''],
    ['/usr/bin/kubectl', ''],
    ['/usr/bin/kubelet', ''],
    ['/usr/sbin/qemu-ga', ''],
    ['/usr/sbin/sshd', ''],
    ['/root/', ''],
    ['/tmp/', ''],
    ['/var/tmp/', ''],
    ['/var/lib/', ''],
    ['/var/log/', ''],
    ['/var/log/syslog', 'the image was made\n'],
  ]);
}
