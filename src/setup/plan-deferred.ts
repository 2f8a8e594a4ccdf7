/**
 * What is left to the first boot: a system that does not run (an image in a chroot, another root directory) can be given
 * its files and nothing else. Pure.
 */
import type { FeatureFacts } from '../facts/setup-host.js';
import { STATE_DIR } from './state.js';
import { type Item, type ItemText, item } from './step.js';

/** Lines: `system: WHY` and `user NAME: WHY`. iso-toolkit-setup.service starts where this file is. */
export const DEFERRED_FILE = `${STATE_DIR}/deferred`;
const FILE_MODE = 0o600;

export interface Deferred {
  system: boolean;
  users: string[];
}

export interface DeferredFacts {
  /** Absolute. */
  path: string;
  /** Undefined when nothing was deferred. */
  text: string | undefined;
}

const WHY = 'not done before the first boot';

/** Whatever stands there counts as a deferred baseline: maintainer scripts write a line of their own. */
export function parseDeferred(text: string | undefined): Deferred {
  const lines = (text ?? '').split('\n').filter((line) => line !== '');
  const users = lines.flatMap((line) => /^user ([^\s:]+)(?:$|:)/.exec(line)?.[1] ?? []);
  return { system: lines.some((line) => !line.startsWith('user ')), users: [...new Set(users)] };
}

export function formatDeferred({ system, users }: Deferred): string {
  const names = [...(system ? ['system'] : []), ...users.map((name) => `user ${name}`)];
  return names.map((name) => `${name}: ${WHY}\n`).join('');
}

/** The step that leaves this record, none being an absent file; undefined when it is there already. */
export function recordStep({ path, text }: DeferredFacts, next: Deferred): Item['step'] {
  const content = formatDeferred(next);
  if (content === '') return text === undefined ? undefined : { kind: 'file.remove', args: { path } };
  if (formatDeferred(parseDeferred(text)) === content) return undefined;
  return { kind: 'file.write', args: { path, mode: FILE_MODE, content } };
}

const describe = (deferred: Deferred) => (formatDeferred(deferred) === '' ? 'nothing' : 'recorded');

/** The host's part of the record: written where the host does not run, taken away where it does, after all else. */
export function planDeferral(
  items: readonly Item[],
  facts: { deferred: DeferredFacts; features: Pick<FeatureFacts, 'systemd'> },
): Item[] {
  const before = parseDeferred(facts.deferred.text);
  const isLeft = facts.features.systemd !== undefined && items.some(({ state }) => state === 'unavailable');
  const after = { ...before, system: facts.features.systemd === undefined ? false : before.system || isLeft };
  const step = recordStep(facts.deferred, after);
  const text: ItemText = {
    kind: 'deferred',
    subject: facts.deferred.path,
    current: describe(before),
    desired: describe(after),
  };
  if (step) return [item.todo('create', text, step)];
  return facts.deferred.text === undefined
    ? []
    : [item.unchanged('create', text, 'already recorded for the first boot')];
}
