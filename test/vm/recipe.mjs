// What the guests are made of. Whatever is said here or in image.mjs changes the digest, and with it the image.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Debian packages of the guest beside its minimal system. The toolkit's own package is installed by each run. */
const PACKAGES = [
  ...[
    'systemd',
    'systemd-sysv',
    'dbus',
    'dbus-user-session',
    'libpam-systemd',
    'udev',
    'kmod',
    'procps',
    'openssh-server',
  ],
  ...['iproute2', 'nftables', 'slirp4netns', 'passt', 'ca-certificates'],
  ...['xfsprogs', 'quota', 'attr', 'acl', 'e2fsprogs'],
  // selinux-basics would relabel at the first boot and reboot after it; the image is labelled from outside.
  ...['selinux-policy-default', 'selinux-utils', 'policycoreutils', 'semodule-utils', 'auditd', 'apparmor'],
  'linux-image-cloud-amd64',
  // What the toolkit's package depends on, so that installing it needs no network.
  ...['nodejs', 'uidmap', 'fuse-overlayfs', 'libseccomp2', 'passwd', 'xz-utils', 'zstd', 'busybox-static'],
  // Asked by logind whether a user may turn on linger.
  'polkitd',
  // A peer that reads the configuration files which iso-setup deploys.
  ...['podman', 'crun'],
  'strace',
];

/** What would start in the middle of a test, or at each boot without being asked for. */
const MASKED = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
  'dpkg-db-backup.timer',
  ...[
    'podman.service',
    'podman.socket',
    'podman-auto-update.timer',
    'podman-auto-update.service',
    'podman-restart.service',
    'podman-clean-transient.service',
  ],
];

/**
 * The modules of Debian's policy that are for something in the guest; those of the other 290 services are disabled, as an
 * administrator of a small host may. A commit compiles all that is enabled, and with all of them it takes an emulated
 * processor two to three minutes. What is here is as Debian has it.
 */
const POLICY_MODULES = [
  // What "base" refers to outside of optional blocks.
  ...['base', 'xserver'],
  // Who logs in, and how.
  ...['ssh', 'getty', 'su', 'sudo', 'unconfined', 'unprivuser', 'staff', 'xdg'],
  // Of a library that sshd has: with it, whatever looks up names may search homes.
  'kerberos',
  // What starts and runs a host; most of it is in "base", systemd, dbus, auditd, dpkg and mount among it.
  ...['bootloader', 'cgroup', 'clock', 'hostname', 'loadkeys', 'lvm', 'setrans', 'shutdown', 'tzdata'],
  ...['apt', 'dirmngr', 'gpg', 'iptables', 'netutils', 'quota'],
  // Debian 13 alone has these.
  ...['container', 'podman'],
];

/** Files of the guest: path to content. `key` is the public half of the lab's key. */
const files = (key) => ({
  'etc/hostname': 'iso-guest\n',
  'etc/hosts': '127.0.0.1 localhost iso-guest\n',
  'etc/resolv.conf': 'nameserver 10.0.2.3\n',
  'etc/fstab': '/dev/vda / auto defaults 0 0\n',
  // Always the same one: an empty file would make each boot a first boot, with its own work to do.
  'etc/machine-id': '15011501150115011501150115011501\n',
  // The second is where Debian 13 keeps it; the first becomes a link there.
  'etc/default/locale': 'LANG=C.UTF-8\n',
  'etc/locale.conf': 'LANG=C.UTF-8\n',
  'etc/systemd/network/guest.network': '[Match]\nName=en*\n[Network]\nDHCP=ipv4\n',
  // The journal must outlive a power cut, and say each message.
  'etc/systemd/journald.conf.d/lab.conf': '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSyncIntervalSec=5s\n',
  // Root's own file, so that every user made by a test can be logged in as, with a real PAM session.
  'etc/ssh/lab_keys': `${key}\n`,
  'etc/ssh/sshd_config.d/lab.conf':
    'AuthorizedKeysFile /etc/ssh/lab_keys\nPermitRootLogin prohibit-password\nUseDNS no\nMaxSessions 50\nMaxStartups 50\nPrintMotd no\nPrintLastLog no\n',
});

export const recipe = {
  packages: PACKAGES,
  masked: MASKED,
  policyModules: POLICY_MODULES,
  files,
  enabled: ['systemd-networkd.service', 'ssh.service', 'auditd.service'],
  suites: ['bookworm', 'trixie'],
  diskBytes: 12 * 2 ** 30,
};

/** Names the image: the same recipe gives the same name. */
export function recipeDigest(suite) {
  const hash = createHash('sha256').update(suite);
  for (const name of ['recipe.mjs', 'image.mjs']) {
    hash.update(readFileSync(fileURLToPath(new URL(name, import.meta.url))));
  }
  return hash.digest('hex').slice(0, 16);
}
