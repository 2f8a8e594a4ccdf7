/** The base image that needs no network: the directories and files around one static BusyBox. Pure. */

export type TreeEntry =
  | { kind: 'directory'; path: string; mode: number }
  | { kind: 'file'; path: string; mode: number; text: string }
  | { kind: 'copy'; path: string; mode: number; source: string }
  | { kind: 'link'; path: string; target: string };

const PLAIN =
  'bin sbin usr usr/bin usr/sbin usr/local usr/local/bin dev proc sys run etc home mnt opt srv ' +
  'var var/cache var/lib var/log var/spool';
const DIRECTORIES: readonly { path: string; mode: number }[] = [
  ...PLAIN.split(' ').map((path) => ({ path, mode: 0o755 })),
  { path: 'root', mode: 0o700 },
  { path: 'tmp', mode: 0o1777 },
  { path: 'var/tmp', mode: 0o1777 },
];

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
  'nobody:x:65534:65534:nobody:/nonexistent:/bin/false',
];
const GROUP = ['root:x:0:', 'daemon:x:1:', 'tty:x:5:', 'nogroup:x:65534:'];
const HOSTS = ['127.0.0.1 localhost', '::1 localhost ip6-localhost ip6-loopback'];

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

function osRelease(version: string): string {
  return text([
    'NAME="iso-toolkit base"',
    'ID=iso-base',
    `VERSION_ID="${version}"`,
    `PRETTY_NAME="iso-toolkit base image (BusyBox ${version})"`,
  ]);
}

const APPLET = /^(?:usr\/)?s?bin\/[A-Za-z0-9_.[+-]+$/;

/** Places of the applets, from what `busybox --list-full` prints; anything that is not a path of one is left out. */
export function parseApplets(listFull: string): string[] {
  return [...new Set(listFull.split('\n'))].filter((path) => APPLET.test(path) && path !== 'bin/busybox').sort();
}

/** `1.35.0` of `BusyBox v1.35.0 (Debian …) multi-call binary.` */
export function parseVersion(banner: string): string {
  return /BusyBox v(\d+(?:\.\d+)*)/.exec(banner)?.[1] ?? 'unknown';
}

/** The whole tree, parents first; paths are relative to its root. */
export function planTree(busybox: string, version: string, applets: readonly string[]): TreeEntry[] {
  return [
    ...DIRECTORIES.map(({ path, mode }): TreeEntry => ({ kind: 'directory', path, mode })),
    { kind: 'file', path: 'etc/passwd', mode: 0o644, text: text(PASSWD) },
    { kind: 'file', path: 'etc/group', mode: 0o644, text: text(GROUP) },
    { kind: 'file', path: 'etc/hosts', mode: 0o644, text: text(HOSTS) },
    // Every container has its own mounted here: a launch need not make the place.
    { kind: 'file', path: 'etc/hostname', mode: 0o644, text: '' },
    { kind: 'file', path: 'etc/resolv.conf', mode: 0o644, text: '' },
    { kind: 'file', path: 'etc/shells', mode: 0o644, text: text(['/bin/sh']) },
    { kind: 'file', path: 'etc/os-release', mode: 0o644, text: osRelease(version) },
    { kind: 'copy', path: 'bin/busybox', mode: 0o755, source: busybox },
    ...applets.map((path): TreeEntry => ({ kind: 'link', path, target: '/bin/busybox' })),
  ];
}
