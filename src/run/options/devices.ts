/** `--device`: devices of the host that a container may open, and where it finds them. Pure. */
import { posix } from 'node:path';
import { DEVICE_LINKS, DEVICES } from '../default-mounts.js';
import { refuse } from './refuse.js';

export interface Device {
  source: string;
  /** Below /dev. */
  target: string;
  origin: string;
}

/** What every container has of its own. */
const OWN = [
  ...DEVICES.map(([name]) => `/dev/${name}`),
  ...DEVICE_LINKS.map(([, path]) => path),
  ...['pts', 'shm', 'mqueue', 'console', 'init'].map((name) => `/dev/${name}`),
];

function parsePath(text: string, option: string): string {
  const path = posix.normalize(text);
  if (text.length > 255 || !/^\/dev(\/[\w.+-]+)+$/.test(path))
    throw refuse(option, `'${text}' is no device below /dev`);
  return path;
}

/** `/dev/X[:/dev/Y][:rwm]`. */
function parseDevice(text: string): Device {
  const option = `--device ${text}`;
  const [first = '', ...rest] = text.split(':');
  const [target = first, words = 'rwm', ...more] = rest[0]?.startsWith('/') === false ? [first, ...rest] : rest;
  if (more.length > 0 || !/^[rwm]{1,3}$/.test(words)) throw refuse(option, 'it is not SOURCE[:TARGET][:rwm]');
  if (!words.includes('r') || !words.includes('w'))
    throw refuse(option, "a device is open for what its mode says: a mount cannot take 'r' or 'w' away");
  const device = { source: parsePath(first, option), target: parsePath(target, option), origin: option };
  const own = OWN.find((path) => device.target === path || device.target.startsWith(`${path}/`));
  if (own !== undefined) throw refuse(option, `the container has ${own} of its own`);
  return device;
}

export function parseDevices(texts: readonly string[]): Device[] {
  const devices = texts.map(parseDevice);
  // One in the place of another's directory, too.
  const isIn = (one: Device, other: Device) => one !== other && `${one.target}/`.startsWith(`${other.target}/`);
  const twice = devices.find((one) => devices.some((other) => isIn(one, other)));
  if (twice) throw refuse(twice.origin, `another device is at ${twice.target}, or on the way there`);
  return devices;
}
