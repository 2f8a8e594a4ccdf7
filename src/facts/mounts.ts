/** Mounts as /proc/PID/mountinfo tells them (proc_pid_mountinfo(5)). */
import { readFileSync } from 'node:fs';

export interface Mount {
  id: number;
  parent: number;
  /** `major:minor` of files on it. */
  device: string;
  /** The directory of the file system that is the root of this mount. */
  root: string;
  destination: string;
  options: string[];
  /** Propagation: `shared:N`, `master:N`, … */
  propagation: string[];
  type: string;
  source: string;
  superOptions: string[];
}

/** Spaces, tabs, newlines and backslashes are written as octal escapes. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Lines that are not mounts are left out; the kernel writes none. Pure. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    if (dash === -1) return [];
    const field = (index: number) => fields[index] ?? '';
    return [
      {
        id: Number(field(0)),
        parent: Number(field(1)),
        device: field(2),
        root: unescapeOctal(field(3)),
        destination: unescapeOctal(field(4)),
        options: field(5).split(','),
        propagation: fields.slice(6, dash),
        type: field(dash + 1),
        source: unescapeOctal(field(dash + 2)),
        superOptions: field(dash + 3).split(','),
      },
    ];
  });
}

/** The mounts that this process sees. @throws system errors */
export function readMounts(): Mount[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** True when a FUSE file system, which answers when its user likes, is mounted on or below a directory. Pure. */
export function hasFuseBelow(mounts: readonly Mount[], directory: string): boolean {
  const base = directory.replace(/\/+$/, '');
  return mounts.some(
    ({ type, destination }) =>
      /^fuse(blk|\.|$)/.test(type) && (destination === base || destination.startsWith(`${base}/`)),
  );
}

/** The mount that a path of this set lies on: the last of the longest destinations that contain it. Pure. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const inside = mount.destination === '/' || path === mount.destination || path.startsWith(`${mount.destination}/`);
    if (inside && mount.destination.length >= (found?.destination.length ?? 0)) found = mount;
  }
  return found;
}
