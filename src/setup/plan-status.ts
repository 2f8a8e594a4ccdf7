/** `iso-setup status`: what the files of ranges and root's notes say of each user, and what in them is nobody's. Pure. */
import type { PasswdEntry } from '../facts/accounts.js';
import { type RangeFault, showLine } from '../facts/range-faults.js';
import { type IdRange, mergeRanges, ownerText, rangesByOwner, type SubidLine, shownText } from '../facts/subids.js';
import { formatRange, ID_KINDS, type IdKind } from './plan-subids.js';
import type { UserState } from './state.js';

export interface UserStatus {
  user: string;
  uid: number;
  home: string;
  /** Ranges of both kinds, and the container tree. */
  provisioned: boolean;
  /** Whether the user's manager, with containers that go on without their caller, outlives the last login. */
  linger: boolean;
  uids: IdRange[];
  gids: IdRange[];
  /** One line each. */
  faults: string[];
}

/** What is left of an account that is gone or has another name: its ids are given to nobody. */
export interface Orphan {
  owner: string;
  /** `/etc/subuid:4`, or the note of a set-up. */
  where: string;
  what: string;
}

export interface HostStatus {
  users: UserStatus[];
  /** Of lines, whoever they belong to. */
  faults: string[];
  orphans: Orphan[];
  /** The source that gives ranges instead of the files. */
  managedBy?: string;
}

export interface StatusFacts {
  lines: Record<IdKind, readonly SubidLine[]>;
  faults: Record<IdKind, readonly RangeFault[]>;
  ownerOf: (owner: string) => string;
  /** Of all owners of lines, and of everybody who was set up. */
  accounts: readonly PasswdEntry[];
  /** What root noted when users were set up. */
  states: readonly UserState[];
  hasTree: (account: PasswdEntry) => boolean;
  isLingering: (name: string) => boolean;
  /** Lines that iso-setup added and another program took out. */
  missing: Record<IdKind, readonly string[]>;
  /** Ids that a range of the policy has. */
  count: number;
}

const formatFault = (id: IdKind, { line, text, why }: RangeFault) => `/etc/sub${id}:${line}: ${showLine(text)}: ${why}`;

function findOrphans({ lines, accounts, states, ownerOf, missing }: StatusFacts): Orphan[] {
  const names = new Set(accounts.flatMap(({ name, uid }) => [ownerText(name), String(uid)]));
  // A line of Apptainer's that is switched off is that of the name behind the mark; those of NIS are nobody's.
  const isKnown = (owner: string) => /^[+-]/.test(owner) || names.has(owner) || names.has(owner.replace(/^!/, ''));
  const ofLines = ID_KINDS.flatMap((id) =>
    lines[id].flatMap((line, index) =>
      line.kind === 'range' && !isKnown(line.owner)
        ? [{ owner: shownText(line.owner), where: `/etc/sub${id}:${index + 1}`, what: showLine(line.text) }]
        : [],
    ),
  );
  const byUid = new Map([...accounts].reverse().map((account) => [account.uid, account.name]));
  const ofStates = states.flatMap(({ name, uid }) => {
    const now = byUid.get(uid);
    if (now !== undefined && ownerOf(ownerText(name)) === ownerOf(ownerText(now))) return [];
    const what =
      now === undefined ? `uid ${uid} was set up and is no account` : `uid ${uid} was set up and is ${now} now`;
    return [{ owner: name, where: `/var/lib/iso/users/${uid}.json`, what }];
  });
  const ofMissing = ID_KINDS.flatMap((id) =>
    missing[id].map((text) => ({
      owner: shownText(text.split(':')[0] ?? ''),
      where: '/var/lib/iso/ranges.json',
      what: `${showLine(text)} is in /etc/sub${id} no more`,
    })),
  );
  return [...ofLines, ...ofMissing, ...ofStates];
}

function isEnough(ranges: readonly IdRange[], count: number): boolean {
  return mergeRanges(ranges).some((range) => range.count >= count);
}

/** All accounts with ranges or a note of their set-up, by uid. */
function statusOfUsers(facts: StatusFacts): UserStatus[] {
  const { lines, faults, ownerOf, accounts, states, hasTree, isLingering, count } = facts;
  const byOwner = { uid: rangesByOwner(lines.uid), gid: rangesByOwner(lines.gid) };
  const found = { uid: new Map<string, string[]>(), gid: new Map<string, string[]>() };
  for (const id of ID_KINDS) {
    for (const fault of faults[id]) {
      const owner = fault.owner === undefined ? undefined : ownerOf(fault.owner);
      if (owner !== undefined) found[id].set(owner, [...(found[id].get(owner) ?? []), formatFault(id, fault)]);
    }
  }
  const setUp = new Map(states.map(({ uid, name }) => [uid, name]));
  const users = new Map<number, UserStatus>();
  for (const account of accounts) {
    const { name, uid, home } = account;
    const owner = ownerText(name);
    if (users.has(uid)) continue;
    const rangesOf = (id: IdKind) => [owner, String(uid)].flatMap((one) => byOwner[id].get(one) ?? []);
    const ranges = { uid: rangesOf('uid'), gid: rangesOf('gid') };
    const isNoted = setUp.get(uid) === name;
    if (ranges.uid.length + ranges.gid.length === 0 && !isNoted) continue;
    const own = ID_KINDS.flatMap((id) => [
      ...(found[id].get(ownerOf(owner)) ?? []),
      ...(isEnough(ranges[id], count) ? [] : [`/etc/sub${id}: no ${count} ids in a row, which subids.count asks for`]),
    ]);
    const tree = hasTree(account);
    if (isNoted && !tree) own.push(`${home}: the container tree is gone`);
    const provisioned = ranges.uid.length > 0 && ranges.gid.length > 0 && tree;
    const { uid: uids, gid: gids } = ranges;
    users.set(uid, { user: name, uid, home, provisioned, linger: isLingering(name), uids, gids, faults: own });
  }
  return [...users.values()].sort((a, b) => a.uid - b.uid);
}

/** The whole host, as it is noted in files; what a source of ranges says is filled in by whoever asks it. */
export function planStatus(facts: StatusFacts): HostStatus {
  return {
    users: statusOfUsers(facts),
    faults: ID_KINDS.flatMap((id) => facts.faults[id].map((fault) => formatFault(id, fault))),
    orphans: findOrphans(facts),
  };
}

/** The part of a status that is about one user. */
export function statusOf(status: HostStatus, name: string): HostStatus {
  const users = status.users.filter(({ user }) => user === name);
  return {
    ...status,
    users,
    faults: users.flatMap(({ faults }) => faults),
    orphans: status.orphans.filter(({ owner }) => owner === name),
  };
}

export const showRanges = (ranges: readonly IdRange[]): string =>
  ranges.map(({ start, count }) => formatRange('', { start, count }).slice(1)).join(' ') || 'none';
