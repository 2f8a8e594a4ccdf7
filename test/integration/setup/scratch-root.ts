/** A root directory of our own for `iso-setup --root`: account files, homes, and what stands in them. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { installed } from '../../../src/sys/install.js';

/** One thing below the root. Directories above it are root's. */
export interface Thing {
  path: string;
  type: 'directory' | 'file' | 'link' | 'fifo' | 'hardlink';
  uid?: number;
  mode?: string;
  content?: string;
  /** Of a link as it is stored; of a hard link below the root. */
  target?: string;
}

export function place(root: string, thing: Thing): void {
  const path = join(root, thing.path);
  const uid = thing.uid ?? 0;
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o755 });
  switch (thing.type) {
    case 'directory':
      mkdirSync(path, { recursive: true });
      break;
    case 'file':
      writeFileSync(path, thing.content ?? '');
      break;
    case 'link':
      symlinkSync(thing.target ?? '', path);
      lchownSync(path, uid, uid);
      return;
    case 'fifo':
      spawnSync('mkfifo', ['--', path]);
      break;
    case 'hardlink':
      linkSync(join(root, thing.target ?? ''), path);
      return;
  }
  chownSync(path, uid, uid);
  chmodSync(path, Number.parseInt(thing.mode ?? (thing.type === 'directory' ? '755' : '644'), 8));
}

/** Users may look through it, as through `/`. */
export function makeRoot(initial: string | undefined, things: readonly Thing[]): string {
  const root = mkdtempSync('/var/tmp/iso-setup-root.');
  chmodSync(root, 0o755);
  if (initial !== undefined && existsSync(initial)) cpSync(initial, root, { recursive: true });
  for (const thing of things) place(root, thing);
  return root;
}

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs iso-setup as it is shipped. */
export function isoSetup(args: readonly string[], options: { timeout?: number } = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [installed('iso-setup.js'), ...args], {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    timeout: options.timeout ?? 30_000,
  });
  return { status, stdout, stderr };
}

/** `type mode uid:gid path` of everything below, sorted, with digest-free contents left to other checks. */
export function listTree(root: string, below = ''): string[] {
  return readdirSync(join(root, below))
    .sort()
    .flatMap((name) => {
      const path = below === '' ? name : `${below}/${name}`;
      const stat = lstatSync(join(root, path));
      const type = stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : stat.isFile() ? '-' : '?';
      const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
      const line = `${type} ${mode} ${stat.uid}:${stat.gid} ${path}`;
      return stat.isDirectory() ? [line, ...listTree(root, path)] : [line];
    });
}

/** Every file below a folder of fixtures, by path below it. */
export function readFiles(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}
