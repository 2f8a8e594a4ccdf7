/** The ranges of a user who is removed: lines of the files, notes of lines, and what another source gives. */
import { readIdUses } from '../facts/id-use.js';
import type { ManagedRanges } from '../facts/subid-source.js';
import { type IdRange, overlaps, ownerText, parseSubids } from '../facts/subids.js';
import { IsoError } from '../lib/errors.js';
import { endIdleSession, findIdleSession } from './idle-session.js';
import type { RemoveFacts } from './plan-remove.js';
import { ID_KINDS, type IdKind } from './plan-subids.js';
import { askManaged } from './range-source.js';
import { readRangesState, readSubidFile } from './subid-files.js';

/** Lines of both files by name, and by uid for an account that exists. */
export function readRemovalLines(
  root: string,
  { name, uid }: { name: string; uid: number | undefined },
  isReleased: boolean,
): RemoveFacts['lines'] {
  const ours = readRangesState(root);
  const of = (id: IdKind) => {
    const lines = readSubidFile(root, id).filter((line) => line.kind === 'range');
    const present = lines
      .filter((line) => line.owner === ownerText(name) || (uid !== undefined && line.owner === String(uid)))
      .map((line) => line.text);
    // Also those that are in no file any more: as long as they are noted, nobody else gets their ids.
    return {
      present,
      ours: ours[id].filter((text) => present.includes(text) || (isReleased && text.startsWith(`${ownerText(name)}:`))),
    };
  };
  return { uid: of('uid'), gid: of('gid') };
}

const parsed = (texts: readonly string[]): IdRange[] =>
  texts.flatMap((text) => parseSubids(text).flatMap((line) => (line.kind === 'range' ? [line] : [])));

/**
 * All ids that files and processes of the user may have. Where another source gives ranges, lines that are not ours are
 * nobody's, and only ours may have counted before.
 */
export function idsOf(lines: RemoveFacts['lines'], managed: ManagedRanges | undefined): Record<IdKind, IdRange[]> {
  const of = (id: IdKind) => {
    const { present, ours } = lines[id];
    return managed ? [...parsed(ours), ...managed[id]] : parsed([...present, ...ours]);
  };
  return { uid: of('uid'), gid: of('gid') };
}

/** What another source gives to an account; an account that is gone is nobody to it. @throws IsoError feature.missing */
export async function askSource(root: string, name: string): Promise<ManagedRanges | undefined> {
  return (await askManaged(root, [name]))?.of.get(name);
}

const findUsers = (ranges: readonly IdRange[]): number[] =>
  readIdUses()
    .filter(({ uids }) => uids.some((used) => ranges.some((range) => overlaps(used, range))))
    .map(({ pid }) => pid);

/**
 * No process has a user namespace with ids of these ranges, or runs with one: they would become somebody else's. An idle
 * session of iso-run is in nobody's use: it is passed over, and with `endsIdle` ended. @throws IsoError container.running
 */
export async function requireUnused(
  name: string,
  ids: Record<IdKind, readonly IdRange[]>,
  endsIdle: boolean,
): Promise<void> {
  const ranges = ID_KINDS.flatMap((id) => ids[id]);
  let pids = findUsers(ranges);
  const session = findIdleSession(pids);
  if (session) {
    if (!endsIdle) return;
    await endIdleSession(session);
    pids = findUsers(ranges);
  }
  const [pid] = pids;
  if (pid === undefined) return;
  throw new IsoError('container.running', `cannot remove ${name}`, `process ${pid} uses subordinate ids of ${name}`, {
    hint: `end it first: \`ps ${pid}\` shows what it is`,
  });
}
