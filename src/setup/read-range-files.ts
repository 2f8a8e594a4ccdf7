/** Everything that judging the files of ranges needs, from the files themselves and every account source of the host. */
import { join } from 'node:path';
import { type AccountFiles, listIds, lookUpEntries, type PasswdEntry, readAccountFiles } from '../facts/accounts.js';
import { findRangeFaults } from '../facts/range-faults.js';
import { ownerText, parseSubids, type SubidLine, shownText } from '../facts/subids.js';
import { readPolicy } from '../policy/read-policy.js';
import type { Owner, RepairFacts } from './plan-repair.js';
import { ID_KINDS, type IdKind, spellings } from './plan-subids.js';
import { isOrdinary } from './refuse-account.js';
import { type AllocationFacts, readRangeNotes, readSubidText } from './subid-files.js';

type Lines = Record<IdKind, readonly SubidLine[]>;

/** The accounts behind all owners in the files, from every source of the host. */
async function readOwners(files: AccountFiles, lines: Lines): Promise<PasswdEntry[]> {
  if (files.root !== '/') return files.users;
  const owners = new Set(
    ID_KINDS.flatMap((id) => lines[id].flatMap((line) => (line.kind === 'range' ? [line.owner] : []))),
  );
  const unknown = [...owners]
    .map(shownText)
    .filter((name) => !files.byName.has(name) && !files.byUid.has(Number(name)));
  return [...files.users, ...(await lookUpEntries(unknown))];
}

export interface RangeFiles {
  /** As latin-1. */
  texts: Record<IdKind, string>;
  facts: RepairFacts;
  allocation: AllocationFacts;
  /** Accounts of the files and, on the running host, of all other owners of lines, from whatever source. */
  accounts: PasswdEntry[];
}

/** The two files, judged: what `--repair` and `iso-setup status` go by. @throws IsoError policy.invalid, tool.failed */
export async function readRangeFiles(root: string): Promise<RangeFiles> {
  const policy = await readPolicy(join(root, 'etc/iso'));
  const files = readAccountFiles(root);
  const texts = { uid: readSubidText(root, 'uid'), gid: readSubidText(root, 'gid') };
  const lines = { uid: parseSubids(texts.uid), gid: parseSubids(texts.gid) };
  const accounts = await readOwners(files, lines);
  const names = spellings(accounts);
  const listed = root === '/' ? await listIds() : [];
  const realIds = {
    uid: [...accounts.map(({ uid }) => uid), ...listed],
    gid: [...files.groups.map(({ gid }) => gid), ...accounts.map(({ gid }) => gid), ...listed],
  };
  const ownerOf = (owner: string) => names.get(owner) ?? owner;
  const faultsOf = (id: IdKind) => {
    const isComplete = texts[id] === '' || texts[id].endsWith('\n');
    return findRangeFaults({ lines: lines[id], realIds: realIds[id], isComplete }, ownerOf);
  };
  const owners = new Map<string, Owner>();
  for (const account of accounts) {
    const name = ownerOf(ownerText(account.name));
    if (isOrdinary(account, files.uidMin) && !owners.has(name)) owners.set(name, account);
  }
  const { subids } = policy;
  return {
    accounts,
    texts,
    facts: {
      lines,
      faults: { uid: faultsOf('uid'), gid: faultsOf('gid') },
      owners,
      ownerOf,
      realIds,
      count: subids.count,
    },
    allocation: {
      policy: subids,
      realIds,
      names,
      loginDefs: files.loginDefs,
      growsShort: true,
      notes: readRangeNotes(root),
    },
  };
}
