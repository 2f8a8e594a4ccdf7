/** Where subordinate ids come from: the files, or the one other source that nsswitch.conf names (shadow's libsubid). */
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { run } from '../sys/exec.js';
import type { IdRange } from './subids.js';

/** The source that `subid:` names as libsubid reads it: the first such line, its first word; undefined for the files. Pure. */
export function parseSubidSource(nsswitch: string): string | undefined {
  for (const line of nsswitch.split('\n')) {
    const source = /^subid:\s*(\S+)/i.exec(line)?.[1];
    if (source !== undefined) return source === 'files' ? undefined : source;
  }
  return undefined;
}

export function readSubidSource(root: string): string | undefined {
  return parseSubidSource(readPlainFile(join(root, 'etc/nsswitch.conf'))?.text ?? '');
}

/** The ranges in the output of getsubids(1): `0: NAME START COUNT`. Pure. */
export function parseGetsubids(text: string): IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, start, count] = /^\d+: .* (\d{1,10}) (\d{1,10})$/.exec(line) ?? [];
    return start === undefined || Number(count) === 0 ? [] : [{ start: Number(start), count: Number(count) }];
  });
}

export interface ManagedRanges {
  source: string;
  uid: IdRange[];
  gid: IdRange[];
}

async function askSource(source: string, args: readonly string[]): Promise<IdRange[]> {
  // 1: the user has no range, or is unknown to the source.
  const { stdout, stderr } = await run('getsubids', args, { accept: [0, 1], timeoutMs: 20_000 });
  // libsubid goes on with the files when it cannot load the source, and so would newuidmap(1).
  if (/Using files|using files|did not provide/.test(stderr)) {
    const [why = ''] = stderr.trim().split('\n');
    throw new IsoError('feature.missing', `cannot ask ${source} for subordinate ids`, why, {
      hint: `install the plugin libsubid_${source}.so, or take the line \`subid: ${source}\` out of /etc/nsswitch.conf`,
    });
  }
  return parseGetsubids(stdout);
}

const PARALLEL = 8;

/** What the source gives to these accounts, by name. @throws IsoError feature.missing, tool.failed */
export async function readManagedRanges(source: string, names: readonly string[]): Promise<Map<string, ManagedRanges>> {
  const rest = new Set(names).values();
  const managed = new Map<string, ManagedRanges>();
  const worker = async () => {
    for (const name of rest) {
      managed.set(name, { source, uid: await askSource(source, [name]), gid: await askSource(source, ['-g', name]) });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return managed;
}
