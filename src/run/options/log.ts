/** `--log-driver` and `--log-opt`: what is kept of the output of a container that lives without its caller. Pure. */
import { parseSize } from '../../lib/units.js';
import { refuse } from './refuse.js';

export interface LogOptions {
  driver: 'k8s-file' | 'none';
  /** Bytes of one file. */
  maxSize: number;
  /** Files, the one that is written included. */
  maxFiles: number;
}

const DEFAULT: LogOptions = { driver: 'k8s-file', maxSize: 10 * 2 ** 20, maxFiles: 3 };
const MIN_SIZE = 16 * 2 ** 10;
const MAX_SIZE = 2 ** 40;

function parseDriver(text: string): LogOptions['driver'] {
  if (text === 'k8s-file' || text === 'none') return text;
  throw refuse(`--log-driver ${text}`, 'it is none of k8s-file, none');
}

function parseOption(text: string): Partial<LogOptions> {
  const [name = '', value = ''] = text.split('=', 2);
  if (name === 'max-size') {
    const size = parseSize(value);
    if (size !== undefined && size >= MIN_SIZE && size <= MAX_SIZE) return { maxSize: size };
    throw refuse(`--log-opt ${text}`, 'it is not a size from 16k to 1t');
  }
  if (name === 'max-file') {
    if (/^[1-9]\d?$/.test(value)) return { maxFiles: Number(value) };
    throw refuse(`--log-opt ${text}`, 'it is not a number of files from 1 to 99');
  }
  throw refuse(`--log-opt ${text}`, 'the options of a log are max-size=SIZE and max-file=NUMBER');
}

export function parseLog(driver: string | undefined, options: readonly string[]): LogOptions {
  const parsed = options.map(parseOption);
  return Object.assign({ ...DEFAULT }, ...parsed, driver === undefined ? {} : { driver: parseDriver(driver) });
}
