/** `iso-setup remove`: what is taken back. Data stays unless it is asked for; other people's lines stay always. Pure. */
import type { HomeFacts } from '../facts/home.js';
import { describeType, tildePath } from '../facts/home-words.js';
import type { ProjectLines } from '../facts/project-lines.js';
import type { ManagedRanges } from '../facts/subid-source.js';
import type { ProjectLimits } from '../sys/quota.js';
import type { TreeOwner } from '../sys/tree.js';
import { CONFIG, FILES, TREE } from './desired-user.js';
import { digestOf } from './plan-files.js';
import { type OwnLinger, planLingerBack } from './plan-linger.js';
import { formatLimits } from './plan-quota.js';
import { formatRange, ID_KINDS, type IdKind } from './plan-subids.js';
import type { Deployed } from './state.js';
import { type Item, type ItemText, item } from './step.js';

/** What iso-setup noted of the user's quota. */
export interface QuotaRemains {
  lines: ProjectLines;
  /** Undefined when the project has no limits, or lies where nobody can look. `place` is a directory on its file system. */
  limited: { project: number; place: string; limits: ProjectLimits } | undefined;
  /** Uids under which something was declared for this name. */
  declaredUids: readonly number[];
}

/** An account that another program says it has deleted. */
export interface Deleted {
  /** The home was there before and is not now; otherwise it may be elsewhere, and with it files of subordinate ids. */
  homeIsGone: boolean;
}

export interface RemoveFacts {
  name: string;
  root: string;
  /** The user's lines of each file, and those that iso-setup noted as added, be they there or not. */
  lines: Record<IdKind, { present: string[]; ours: string[] }>;
  /** What a source other than the files gives to the user. */
  managed: ManagedRanges | undefined;
  /** Undefined when the account or its home is gone, or its data stays. */
  home: HomeFacts | undefined;
  /** Whose tree it is; known when the home is. */
  owner: TreeOwner | undefined;
  purge: boolean;
  /** Nothing that could have the ids stays, so others may get them. */
  isReleased: boolean;
  /** Set for an account that another program has deleted. */
  deleted: Deleted | undefined;
  quota: QuotaRemains;
  linger: OwnLinger | undefined;
  deployed: Deployed;
  /** Root's own files about this user, absolute; those that exist. */
  notes: string[];
}

function planLines({ name, root, lines, isReleased: release }: RemoveFacts): Item[] {
  return ID_KINDS.map((id) => {
    const { present, ours } = lines[id];
    const rest = present.filter((line) => !ours.includes(line));
    const show = (texts: string[]) => (texts.length === 0 ? 'none' : texts.join(' '));
    const text: ItemText = { kind: 'subids', subject: `/etc/sub${id}`, current: show(present), desired: show(rest) };
    const reason = present.length === 0 ? `${show(ours)} is in the file no more; its ids are free from now on` : '';
    if (ours.length > 0)
      return item.todo('create', text, { kind: 'subids.remove', args: { owner: name, root, release } }, reason);
    const why = present.length === 0 ? `${name} has no line there` : 'iso-setup did not add these lines, so they stay';
    return item.unchanged('create', text, why);
  });
}

/** What a directory gives is the directory's to take back; nothing of it is in a file here. */
function planManaged({ name, managed }: RemoveFacts): Item[] {
  if (!managed) return [];
  const { source } = managed;
  return ID_KINDS.map((id) => {
    const current = managed[id].map((range) => formatRange(name, range)).join(' ') || 'none';
    const text: ItemText = { kind: 'subids', subject: `sub${id} of ${source}`, current, desired: current };
    return item.unchanged('create', text, `${current}; given by ${source} (nsswitch.conf), and its to take back`);
  });
}

/** For an account that is still there, although a program said that it would be gone. */
export function planStay(name: string): Item {
  const text: ItemText = { kind: 'account', subject: name, current: 'present', desired: 'present' };
  return item.unchanged('create', text, 'it is an account; all stays as it is');
}

function whyKept({ name, deleted }: RemoveFacts): string {
  if (deleted === undefined) return 'data stays without --purge';
  return `the home may still be somewhere, so nobody else gets its ids until \`iso-setup remove ${name}\``;
}

function planData(facts: RemoveFacts): Item[] {
  const { home, owner, purge, deployed, deleted } = facts;
  const text = (path: string, current: string): ItemText => ({
    kind: 'data',
    subject: tildePath(path),
    current,
    desired: 'absent',
  });
  if (deleted?.homeIsGone) return [item.unchanged('create', text(TREE, 'absent'), 'the home went with the account')];
  if (!purge) return [item.unchanged('create', { ...text(TREE, 'kept'), desired: 'kept' }, whyKept(facts))];
  if (!home || !owner) return [item.unchanged('create', text(TREE, 'absent'), 'the account or its home is gone')];
  const items: Item[] = [];
  for (const { path } of FILES) {
    const entry = home.get(path);
    if (entry?.error !== undefined || !entry) continue;
    const isOurs = entry.type === '-' && (deployed[path] ?? []).includes(digestOf(entry.content));
    if (isOurs) items.push(item.todo('create', text(path, 'as deployed'), { kind: 'home.unlink', args: { path } }));
    else items.push(item.drift('create', text(path, 'edited'), 'edited since it was deployed; kept'));
  }
  const tree = home.get(TREE);
  if (tree?.error === undefined && tree?.type === 'd') {
    const args = { path: TREE };
    items.push(item.todo('create', text(`${TREE}/*`, 'present'), { kind: 'home.empty', args }));
    const rest: ItemText = { ...text(`${TREE}/*`, 'files of subordinate ids'), kind: 'mapped data' };
    items.push(item.todo('create', rest, { kind: 'tree.clear', args: owner }));
    items.push(item.todo('create', text(TREE, 'present'), { kind: 'home.rmdir', args }));
  } else {
    const current = tree && tree.error === undefined ? describeType(tree.type) : 'absent';
    items.push(item.unchanged('create', text(TREE, current), 'there is no such directory'));
  }
  const hasEdited = items.some((one) => one.state === 'drift');
  if (home.get(CONFIG)?.error === undefined && !hasEdited) {
    items.push(item.todo('create', text(CONFIG, 'present'), { kind: 'home.rmdir', args: { path: CONFIG } }));
  }
  return items;
}

const NO_LIMITS: ProjectLimits = { softBytes: 0, hardBytes: 0, softInodes: 0, hardInodes: 0 };

/** Data that stays is counted on, so it keeps its project, which the user gets again with the next `iso-setup user`. */
function planProject({ name, root, quota }: RemoveFacts): Item[] {
  const { lines, limited, declaredUids } = quota;
  const items: Item[] = [];
  if (limited) {
    const { project, place, limits } = limited;
    const current = formatLimits(limits);
    const text: ItemText = { kind: 'quota', subject: tildePath(TREE), current, desired: 'no limit' };
    const args = { home: place, project, limits: NO_LIMITS };
    items.push(item.todo('create', text, { kind: 'quota.limit', args }));
  }
  if (lines.projid.length > 0) {
    const text = { kind: 'quota', subject: '/etc/projid', current: lines.projid.join(' '), desired: 'none' };
    items.push(item.todo('create', text, { kind: 'project.forget', args: { root, lines } }));
  }
  for (const uid of declaredUids) {
    const text = { kind: 'declared', subject: name, current: 'a quota of its own', desired: 'none' };
    items.push(item.todo('create', text, { kind: 'quota.declare', args: { root, uid, declared: { name } } }));
  }
  return items;
}

function planNotes({ notes }: RemoveFacts): Item[] {
  return notes.map((path) =>
    item.todo(
      'create',
      { kind: 'state', subject: path, current: 'present', desired: 'absent' },
      { kind: 'file.remove', args: { path } },
    ),
  );
}

/** What still runs for the user first, data next, then the ids that own it, then what root remembers of it. */
export function planRemoval(facts: RemoveFacts): Item[] {
  const { name, linger } = facts;
  return [
    ...planLingerBack(name, linger),
    ...planData(facts),
    ...planProject(facts),
    ...planLines(facts),
    ...planManaged(facts),
    ...planNotes(facts),
  ];
}
