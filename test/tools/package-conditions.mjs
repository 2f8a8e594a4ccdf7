// What dpkg is run under when nobody watches: images built in a chroot, systems installed into from outside, a host whose
// disk is full or whose configuration is broken. The package must end up configured in all of them, and what could not be
// done must be noted for the first boot.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './stage.mjs';

const RECORD = 'var/lib/iso/deferred';
const PROC = 'mount -t proc proc "$root/proc"';
const INSTALL = 'chroot "$root" dpkg --install /package.deb';
const full = (folder) => `
  mkdir -p "$root/${folder}"; mount -t tmpfs -o size=4k tmpfs "$root/${folder}"
  dd if=/dev/zero of="$root/${folder}/fill" bs=4k count=1 status=none`;
// As another iso-setup does, for as long as the shell around it lives.
const HOLD = `perl -e 'use Fcntl; open my $f, ">>", "$ARGV[0]/var/lib/iso/lock" or die $!;
  my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl $f, F_SETLK, $lock or die $!; $| = 1; print "held\\n"; sleep 100' "$root"`;

/** `noted`: whether the record of what was left to a boot is expected; `says`: what the script prints. */
const CONDITIONS = [
  { name: 'in a chroot, as image builders do', before: PROC, noted: true },
  { name: 'in a chroot without /proc', before: ':', noted: true },
  {
    name: 'from outside, with DPKG_ROOT, and changes nothing there',
    before: 'mount --bind "$root" "$root"; mount -o remount,bind,ro /',
    install: 'dpkg --root="$root" --force-script-chrootless --install "$root/package.deb"',
    noted: true,
    says: /another system is installed into; left to the next boot/,
  },
  {
    name: 'without terminal and standard input',
    before: PROC,
    install: 'setsid chroot "$root" dpkg --install /package.deb <&-',
    noted: true,
  },
  {
    name: 'with a read-only /etc',
    before: `${PROC}; mount --bind "$root/etc" "$root/etc"; mount -o remount,bind,ro "$root/etc"`,
    noted: true,
    says: /the host baseline is incomplete.*; left to the next boot/,
  },
  {
    name: 'with no space for the configuration',
    before: `${PROC}; mkdir -p "$root/etc/systemd/system"; ${full('etc/sysctl.d')}`,
    noted: true,
    says: /cannot write .*sysctl.d.*no space left/is,
  },
  {
    name: 'with no space at all',
    before: `${PROC}; ${full('etc/sysctl.d')}; ${full('var/lib/iso')}`,
    noted: false,
    says: /not even that could be noted/,
  },
  {
    name: 'while another iso-setup is at work',
    before: `${PROC}; mkdir -p -m 0700 "$root/var/lib/iso"; coproc ${HOLD}; read -r <&"\${COPROC[0]}"`,
    noted: true,
    says: /another program holds .*lock \(waited 15 s\)/,
  },
  {
    name: 'with account files that useradd locked',
    before: `${PROC}; echo $$ >"$root/etc/passwd.lock"; cp "$root/etc/passwd.lock" "$root/etc/subuid.lock"`,
    noted: true,
  },
  {
    name: 'with a policy that cannot be read',
    before: `${PROC}; mkdir -p "$root/etc/iso"; echo '[[' >"$root/etc/iso/policy.toml"`,
    noted: true,
    says: /policy\.invalid/,
  },
  {
    name: 'with a Node that does not start',
    before: `${PROC}; mount --bind /dev/null "$root/usr/bin/node"`,
    noted: true,
    says: /cannot start \/usr\/bin\/node/,
  },
];

// Whatever is mounted or started here ends with the shell, since both have namespaces of their own.
const FRAME = `root=$1; mount --make-rprivate /
eval "$2"; eval "$3"
chroot "$root" dpkg-query --show --showformat '\${Status}\\n' iso-toolkit
if [ -s "$root/${RECORD}" ]; then echo noted; else echo not noted; fi`;
const AFTER = `root=$1; rm -f "$root"/etc/*.lock; rm -rf "$root/etc/iso"
mount -t proc proc "$root/proc"; chroot "$root" dpkg --purge iso-toolkit
ls -d "$root/var/lib/iso" "$root/usr/lib/iso-toolkit" "$root/etc/sysctl.d/60-iso-toolkit.conf" 2>&1 | grep -v 'No such' || true`;

function inNamespaces(script, args, title) {
  const isolate = ['--mount', '--pid', '--fork', '--kill-child', '--'];
  return run('unshare', [...isolate, 'bash', '-euo', 'pipefail', '-c', script, 'sh', ...args], {
    capture: true,
    title,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Installs `deb` into the system below `place`, which has all that it depends on, under each condition. */
export async function testConditions({ suite, place, deb, test, expect }) {
  cpSync(deb, join(place, 'package.deb'));
  for (const { name, before, install = INSTALL, noted, says = /./ } of CONDITIONS) {
    await test(`${suite}: is configured ${name}, and purged`, () => {
      const { stdout, stderr } = inNamespaces(FRAME, [place, before, install], name);
      const [status, record] = stdout.trimEnd().split('\n').slice(-2);
      const said = `${stdout}${stderr}`;
      expect(status === 'install ok installed', `${status}\n${said}`);
      expect(record === (noted ? 'noted' : 'not noted'), `${record}\n${said}`);
      expect(says.test(said), `does not say ${says}:\n${said}`);
      const left = inNamespaces(AFTER, [place], 'purge')
        .stdout.split('\n')
        .filter((line) => line.startsWith('/'));
      expect(left.length === 0, `left: ${left.join(' ')}`);
    });
  }
  rmSync(join(place, 'package.deb'));
}
