/** Where in a container something may be mounted. Pure. */
import { posix } from 'node:path';
import { refuse } from './refuse.js';

/** A volume there would stand in for devices, masks and what programs believe of the kernel. */
const OWN_FILE_SYSTEMS = ['/proc', '/sys', '/dev'];
const MAX_PATH = 4096;

const isBelow = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);

/** A normal absolute path below `/`. */
export function parseDestination(text: string, option: string): string {
  if (!text.startsWith('/')) throw refuse(option, 'the destination must be an absolute path');
  if (Buffer.byteLength(text) >= MAX_PATH) throw refuse(option, `the destination is longer than ${MAX_PATH} bytes`);
  const target = posix.normalize(text).replace(/\/$/, '');
  if (target === '' || target.split('/').includes('..')) throw refuse(option, 'the destination must lie below /');
  if (OWN_FILE_SYSTEMS.some((path) => isBelow(target, path)) && !isBelow(target, '/dev/shm'))
    throw refuse(option, 'the destination lies in a file system that the container has of its own');
  return target;
}
