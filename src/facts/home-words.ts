/** What stands in a home, in words for people. Pure. */
import type { HomeOutcome } from '../sys/home.js';

const TYPES: Record<string, string> = {
  d: 'a directory',
  '-': 'a regular file',
  l: 'a symbolic link',
  p: 'a FIFO',
  s: 'a socket',
  c: 'a character device',
  b: 'a block device',
};

/** `a symbolic link`, for people. Pure. */
export function describeType(type: string): string {
  return TYPES[type] ?? 'something of unknown type';
}

/** The first `component` parts of a path, as people write it: `~/.local/share`. Pure. */
export function tildePath(path: string, component?: number): string {
  if (component === undefined) return path === '' ? '~' : `~/${path}`;
  const parts = path.split('/').filter((part) => part !== '');
  return ['~', ...parts.slice(0, component)].join('/');
}

/** Why an op on a path failed, naming the component that stood in the way. Pure. */
export function describeFailure(path: string, outcome: HomeOutcome, uid: number): string {
  const at = tildePath(path, outcome.component || undefined);
  const seen = outcome.type === '?' ? '' : describeType(outcome.type);
  switch (outcome.error) {
    case 'ELOOP':
      return `${at} is a symbolic link`;
    case 'ENOTDIR':
      return seen === '' ? `${at} is not a directory` : `${at} is ${seen}, not a directory`;
    case 'EXDEV':
      return `another file system is mounted on ${at}`;
    case 'EMLINK':
      return `${at} has ${outcome.links} names (hard links)`;
    case 'EPERM':
      return seen !== '' && outcome.uid !== uid
        ? `${at} belongs to uid ${outcome.uid}`
        : `${at}: operation not permitted`;
    case 'EINVAL':
      return seen === '' ? `${at}: invalid argument` : `${at} is ${seen}`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `${at}: no space is left, or the user's quota is used up`;
    case 'EROFS':
      return `${at}: the file system is read-only`;
    default:
      return `${at}: ${outcome.error ?? 'no error'}`;
  }
}
