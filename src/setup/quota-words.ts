/** What a walk through a container tree found, in words for people. Pure. */
import { formatSize } from '../lib/units.js';
import type { TreeFindings } from '../sys/tree.js';

export const plural = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;

/** What a walk left alone, for people. */
export function describeLeft({ special, foreign, mounts, deep }: TreeFindings): string[] {
  return [
    special > 0 ? `${plural(special, 'link or device', 'links or devices')} cannot be counted by this kernel` : '',
    foreign > 0 ? `${plural(foreign, 'entry belongs', 'entries belong')} to others` : '',
    mounts > 0 ? `${plural(mounts, 'other file system is', 'other file systems are')} mounted there` : '',
    deep > 0 ? `${plural(deep, 'directory lies', 'directories lie')} too deep` : '',
  ].filter((text) => text !== '');
}

export function describeUncounted({ uncounted, uncountedBytes, failed, error, example }: TreeFindings): string {
  const files =
    uncounted > 0 ? `${plural(uncounted, 'file', 'files')} (${formatSize(uncountedBytes)}) not counted` : '';
  const errors = failed > 0 ? `${plural(failed, 'entry', 'entries')} could not be looked at (${error})` : '';
  const first = example === '.' ? 'the tree itself' : example;
  return `${[files, errors].filter(Boolean).join(', ')}, first ${first}`;
}
