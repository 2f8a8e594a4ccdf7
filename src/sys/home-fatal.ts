/** What iso-home reports instead of outcomes, in words: the way to a home, the home itself, the process. Pure. */
import { constants } from 'node:os';
import { IsoError } from '../lib/errors.js';
import { formatMode } from '../lib/units.js';
import { errnoName } from './ffi.js';
import type { HomeUser } from './home.js';
import { tokenReader } from './wire.js';

/** The home as its user knows it. */
export const shownHome = ({ root, home }: HomeUser): string => (root === '/' ? home : home.slice(root.length));

export const died = (user: HomeUser, why: string) =>
  new IsoError('os.failed', `cannot work in the home of ${user.name}`, `iso-home ${why}`);

export const unsafeWay = (user: HomeUser, why: string) =>
  new IsoError('home.unsafe', `cannot use the home ${shownHome(user)} of ${user.name}`, why, {
    hint: 'let the home and the directories above it belong to root or to the user, and to nobody else',
  });

interface WayFault {
  errno: number;
  /** The part of the way that is at fault, below the root directory. */
  path: string;
  uid: number;
  mode: number;
}

/** Every part of the way must be in root's hands alone: told of the first that is not. */
function toWayFault(user: HomeUser, { errno, path, uid, mode }: WayFault): IsoError {
  const place = user.root === '/' ? path : `${user.root}${path}`;
  const name = errnoName(errno);
  const why: Record<string, string> = {
    EISDIR: '/ is the root directory',
    ELOOP: `${place} is a symbolic link`,
    EMLINK: `${place} leads through too many symbolic links`,
    ENOTDIR: `${place} is not a directory`,
    EPERM:
      (mode & 0o022) === 0
        ? `${place} belongs to uid ${uid}, not to root`
        : `${place} has mode ${formatMode(mode)}: others than root can write it`,
  };
  if (why[name] !== undefined) return unsafeWay(user, why[name]);
  const what = `cannot find the home of ${user.name}`;
  if (errno === constants.errno.ENOENT) return new IsoError('home.missing', what, `${place} does not exist`);
  return new IsoError('os.failed', what, `${place}: ${name}`);
}

function toHomeFault(user: HomeUser, errno: number): IsoError {
  const name = errnoName(errno);
  const what = `cannot enter ${user.home} as ${user.name}`;
  if (errno === constants.errno.ENOENT) return new IsoError('home.missing', what, 'it does not exist');
  const why: Record<string, string> = {
    ELOOP: 'a component of the path is a symbolic link',
    EPERM: 'it belongs to another user',
    ENOTDIR: 'it is not a directory',
    EACCES: 'permission denied: a directory above it is closed to the user',
  };
  return new IsoError('home.unsafe', what, why[name] ?? name);
}

/** What iso-home itself says about the process that was to do the work. */
const ENDS: Record<string, (detail: string) => string> = {
  signal: (detail) => `was ended by a signal (${detail})`,
  time: () => 'gave no answer in time, as on a network mount whose server is gone',
  start: (detail) => `could not start (${detail})`,
};

/** Instead of the outcomes: "fatal" with a stage and an errno, or what iso-home says of the process's end. */
export function readFatal(user: HomeUser, bytes: Buffer): IsoError | undefined {
  const report = tokenReader(bytes);
  if (report.text() !== 'fatal') return undefined;
  const [stage, detail] = [report.text(), report.text()];
  if (ENDS[stage]) return died(user, ENDS[stage](detail));
  const errno = Number(detail);
  if (stage === 'home') return toHomeFault(user, errno);
  if (stage !== 'way') return died(user, `failed to ${stage}: ${errnoName(errno)}`);
  return toWayFault(user, { errno, path: report.text(), uid: report.number(), mode: report.number() });
}
