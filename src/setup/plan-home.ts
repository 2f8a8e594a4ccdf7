/** Items for a user's home: the tree, its labels, the configuration files. Pure. */
import type { HomeFacts } from '../facts/home.js';
import { describeFailure, describeType, tildePath } from '../facts/home-words.js';
import type { FeatureFacts } from '../facts/setup-host.js';
import { IsoError } from '../lib/errors.js';
import { type CategoryPair, parseContext, userPairOf } from '../lib/selinux-context.js';
import { formatMode } from '../lib/units.js';
import type { HomeOutcome } from '../sys/home.js';
import {
  CONTAINER_FILE,
  DIRECTORIES,
  FILE_MODE,
  LABELS,
  labelOf,
  PRIVATE_DIRECTORIES,
  PRIVATE_MODE,
  SHARED_DIRECTORIES,
} from './desired-user.js';
import { type FileVerdict, judgeFile } from './plan-files.js';
import type { Deployed } from './state.js';
import { type Item, type ItemText, item } from './step.js';

export interface Owner {
  name: string;
  uid: number;
}

const unsafe = (owner: Owner, path: string, why: string) =>
  new IsoError('home.unsafe', `cannot use ${tildePath(path)} of ${owner.name}`, why);

/** What stands at a path, when it is what we may use; undefined when nothing is there. @throws IsoError home.unsafe */
function entryAt(home: HomeFacts, owner: Owner, path: string, type: 'd' | '-'): HomeOutcome | undefined {
  const entry = home.get(path);
  if (entry === undefined) throw new Error(`${path} was not observed`);
  if (entry.error === 'ENOENT') return undefined;
  if (entry.error !== undefined) throw unsafe(owner, path, describeFailure(path, entry, owner.uid));
  const at = tildePath(path);
  if (entry.type !== type) throw unsafe(owner, path, `${at} is ${describeType(entry.type)}, not ${describeType(type)}`);
  if (entry.uid !== owner.uid) throw unsafe(owner, path, `${at} belongs to uid ${entry.uid}`);
  if (type === '-' && entry.links !== 1) throw unsafe(owner, path, `${at} has ${entry.links} names (hard links)`);
  return entry;
}

function directoryItem(home: HomeFacts, owner: Owner, path: string): Item {
  const desired = `${formatMode(PRIVATE_MODE)} ${owner.name}`;
  const entry = entryAt(home, owner, path, 'd');
  const text: ItemText = { kind: 'directory', subject: tildePath(path), current: 'absent', desired };
  const args = { path, mode: PRIVATE_MODE };
  if (!entry) return item.todo('create', text, { kind: 'home.mkdir', args });
  const current = `${formatMode(entry.mode)} ${owner.name}`;
  if (entry.mode === PRIVATE_MODE) {
    return item.unchanged('create', { ...text, current }, `already ${formatMode(entry.mode)}, owner ${owner.name}`);
  }
  if (SHARED_DIRECTORIES.includes(path)) {
    const closed = entry.mode & ~0o022;
    if (closed !== entry.mode) {
      const narrower = { ...text, current, desired: `${formatMode(closed)} ${owner.name}` };
      const step = { kind: 'home.chmod' as const, args: { path, mode: closed } };
      return item.todo('create', narrower, step, 'others could replace what is in it');
    }
    const reason = `exists, owner ${owner.name}; its mode is the user's own choice`;
    return item.unchanged('create', { ...text, current, desired: `exists, ${owner.name}` }, reason);
  }
  return item.todo('create', { ...text, current }, { kind: 'home.chmod', args });
}

export function planDirectories(home: HomeFacts, owner: Owner): Item[] {
  return DIRECTORIES.map((path) => directoryItem(home, owner, path));
}

/**
 * SELinux labels: why not when the host has no SELinux, and an item a directory where it has. `pair` is undefined when nobody
 * with a record of pairs is there to give one; then a pair that the directory has is kept.
 */
export function planLabels(
  home: HomeFacts,
  { selinux, unknownTypes }: FeatureFacts,
  pair: CategoryPair | undefined,
): Item[] {
  if (selinux !== undefined) {
    const text = { kind: 'selinux', subject: 'container labels', current: 'none', desired: 'container_file_t' };
    return [item.unavailable('create', text, selinux)];
  }
  return LABELS.map(({ path, type }) => {
    const current = home.get(path)?.label || 'none';
    const present = pair ?? userPairOf(parseContext(current)?.level ?? '');
    const context = labelOf(type, type === CONTAINER_FILE ? present : []);
    const text: ItemText = { kind: 'selinux', subject: tildePath(path), current, desired: context };
    if (unknownTypes.includes(type)) return item.unavailable('create', text, `the loaded policy has no type ${type}`);
    if (current === context) return item.unchanged('create', text, 'already labelled');
    return item.todo('create', text, { kind: 'home.label', args: { path, context } });
  });
}

/** Reads back what the phase before made. */
export function planVerification(home: HomeFacts, owner: Owner): Item[] {
  return PRIVATE_DIRECTORIES.map((path) => {
    const entry = home.get(path);
    const expected = `${formatMode(PRIVATE_MODE)} ${owner.name}, a directory`;
    const text: ItemText = { kind: 'directory', subject: tildePath(path), current: 'not read back', desired: expected };
    if (entry?.error === undefined && entry?.mode === PRIVATE_MODE && entry.uid === owner.uid) {
      return item.unchanged('verify', { ...text, current: expected }, `read back: ${expected}`);
    }
    return item.todo('verify', text, { kind: 'home.verify', args: { path, mode: PRIVATE_MODE } });
  });
}

/** A rendered file, its path below the home. */
export interface RenderedFile {
  path: string;
  content: string;
}

/** What is known of files in the home beside what is seen. */
interface FileNotes {
  deployed: Deployed;
  /** A run that was killed may have left them half written. */
  isUnfinished: boolean;
  /** Edited files are replaced, and the edits kept beside them. */
  isReset: boolean;
}

/** With what is to be done about it, unless what stands there may not be used at all. */
export interface JudgedFile extends RenderedFile {
  verdict: FileVerdict;
}

export function judgeFiles(home: HomeFacts, files: readonly RenderedFile[], notes: FileNotes): JudgedFile[] {
  const { deployed, isUnfinished, isReset } = notes;
  return files.map(({ path, content }) => {
    const entry = home.get(path);
    const present = entry?.error === undefined ? entry : undefined;
    const one = { content, mode: FILE_MODE, present, deployed: deployed[path] ?? [], isUnfinished, isReset };
    return { path, content, verdict: judgeFile(one) };
  });
}

/** Podman reads no file of this name. */
function keepEdit(path: string, content: string): Item {
  const kept = `${path}.iso-old`;
  const text: ItemText = { kind: 'file', subject: tildePath(kept), current: 'another', desired: 'the edited file' };
  return item.todo('deploy', text, { kind: 'home.write', args: { path: kept, mode: FILE_MODE, content } });
}

function fileItems(home: HomeFacts, owner: Owner, { path, content, verdict }: JudgedFile): Item[] {
  const present = entryAt(home, owner, path, '-');
  const { current, desired, reason } = verdict;
  const text: ItemText = { kind: 'file', subject: tildePath(path), current, desired };
  const chmod = () =>
    item.todo('deploy', text, { kind: 'home.chmod', args: { path, mode: FILE_MODE } }, 'its mode differs');
  const write = () =>
    item.todo('deploy', text, { kind: 'home.write', args: { path, mode: FILE_MODE, content } }, reason);
  const edit = { before: present?.content ?? '', after: content };
  switch (verdict.action) {
    case 'none':
      return [item.unchanged('deploy', text, reason)];
    case 'chmod':
      return [chmod()];
    case 'write':
      return [write()];
    case 'keep':
      return [...(present?.mode === FILE_MODE ? [] : [chmod()]), { ...item.drift('deploy', text, reason), edit }];
    case 'replace':
      return [keepEdit(path, edit.before), { ...write(), edit }];
  }
}

export function planFiles(home: HomeFacts, owner: Owner, files: readonly JudgedFile[]): Item[] {
  return files.flatMap((file) => fileItems(home, owner, file));
}
