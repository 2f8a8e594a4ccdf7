/** Who the payload runs as: `-u` against the image's own /etc/passwd and /etc/group (passwd(5), group(5)). Pure. */
import { IsoError } from '../lib/errors.js';

export interface PayloadUser {
  uid: number;
  gid: number;
  /** Supplementary groups of the image. */
  groups: number[];
  home: string;
}

const NUMBER = /^\d{1,10}$/;

const rows = (text: string) => text.split('\n').map((line) => line.split(':'));

function refuse(user: string, why: string): IsoError {
  return new IsoError('usage.invalid', `cannot run as ${user}`, why, {
    hint: "give a number, or a name of the image's /etc/passwd",
  });
}

function groupId(text: string, group: string, user: string): number {
  if (NUMBER.test(text)) return Number(text);
  const row = rows(group).find(([name]) => name === text);
  if (!row || !NUMBER.test(row[2] ?? '')) throw refuse(user, `the image has no group ${text}`);
  return Number(row[2]);
}

/** Groups that list the user, as initgroups(3) collects them. */
function supplementary(name: string, group: string): number[] {
  return rows(group)
    .filter((row) => NUMBER.test(row[2] ?? '') && (row[3] ?? '').split(',').includes(name))
    .map((row) => Number(row[2]));
}

/**
 * Resolves `NAME|UID[:GROUP|GID]`. `passwd` and `group` are the image's files, empty when it has none; `ids` is how many ids
 * the user may map. @throws IsoError usage.invalid
 */
export function resolveUser(
  user: string,
  passwd: string,
  group: string,
  ids: { uid: number; gid: number },
): PayloadUser {
  const [who = '', groupText, ...more] = user.split(':');
  if (who === '' || more.length > 0) throw refuse(user, 'it is not USER[:GROUP]');
  const row = rows(passwd).find(([name, , uid]) => (NUMBER.test(who) ? uid === who : name === who));
  if (!row && !NUMBER.test(who)) throw refuse(user, `the image has no user ${who}`);
  const uid = Number(row?.[2] ?? who);
  const gid = groupText === undefined ? Number(row?.[3] ?? 0) : groupId(groupText, group, user);
  if (!(uid < ids.uid) || !(gid < ids.gid)) {
    throw refuse(user, `ids ${uid}:${gid} are not mapped; this user has ids 0 to ${Math.min(ids.uid, ids.gid) - 1}`);
  }
  const groups = groupText === undefined && row ? supplementary(row[0] ?? '', group).filter((id) => id < ids.gid) : [];
  return { uid, gid, groups: [...new Set([gid, ...groups])], home: row?.[5] || '/' };
}

const MAX_GROUPS = 32;

/** The user with more of the image's groups. @throws IsoError usage.invalid */
export function addGroups(user: PayloadUser, names: readonly string[], group: string, mapped: number): PayloadUser {
  const ids = names.map((name) => {
    const refuseGroup = (why: string) => new IsoError('usage.invalid', `cannot use --group-add ${name}`, why);
    if (name === 'keep-groups') throw refuseGroup("the caller's groups have no number in a container");
    const row = rows(group).find(([one]) => one === name);
    const id = NUMBER.test(name) ? name : row?.[2];
    if (id === undefined || !NUMBER.test(id)) throw refuseGroup(`the image has no group ${name}`);
    if (Number(id) < mapped) return Number(id);
    throw refuseGroup(`the id ${id} is not mapped; this user has ids 0 to ${mapped - 1}`);
  });
  const groups = [...new Set([...user.groups, ...ids])];
  if (names.length <= MAX_GROUPS) return { ...user, groups };
  throw new IsoError('usage.invalid', 'cannot use --group-add', `at most ${MAX_GROUPS} groups are added`);
}
