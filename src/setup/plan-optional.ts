/** Parts of the baseline that are there only where the host can use them, or the policy asks for them. Pure. */
import { PAM_PROFILE } from './desired-host.js';
import { digestOf } from './plan-files.js';
import { planHostFile, type RenderedHostFile } from './plan-host-file.js';
import type { HostState } from './state.js';
import { type Item, type ItemText, item, type Step } from './step.js';

export interface OptionalFile {
  file: RenderedHostFile;
  /** Why there is no use for it; undefined when there is. */
  why?: string;
  /** The policy does not want it: then ours is taken away. */
  isRefused?: boolean;
  /** What makes a new file hold. */
  load?: Step;
  /** Why that cannot be done here. */
  whyNotLoaded?: string | undefined;
}

/** A file that is not wanted: ours goes, what somebody edited stays and is told. */
function planUnwanted({ file, why = '' }: OptionalFile, state: HostState): Item {
  const { kind, path, present } = file;
  const text: ItemText = { kind, subject: path, current: present ? 'present' : 'absent', desired: 'absent' };
  if (!present) return item.unchanged('create', text, why);
  const isOurs = present.content === file.content || state.files[path]?.includes(digestOf(present.content));
  if (!isOurs) return item.drift('create', text, `${why}, but the file was edited; kept`);
  return item.todo('create', text, { kind: 'file.remove', args: { path } }, why);
}

/** The file, and what makes it hold. */
export function planOptional(one: OptionalFile, facts: { state: HostState; isUnfinished: boolean }): Item[] {
  const { file, why, isRefused, load, whyNotLoaded } = one;
  const absent: ItemText = { kind: file.kind, subject: file.path, current: 'absent', desired: 'present' };
  if (isRefused) return [planUnwanted(one, facts.state)];
  if (why !== undefined) return [item.unavailable('create', absent, why)];
  const planned = planHostFile(file, facts.state.files);
  if (!load || (!planned.step && !facts.isUnfinished)) return [planned];
  const text = { kind: file.kind, subject: 'the rules in force', current: 'old', desired: 'read again' };
  if (whyNotLoaded !== undefined)
    return [planned, item.unavailable('create', text, `${whyNotLoaded}; read at its boot`)];
  return [planned, item.todo('create', text, load)];
}

export interface PamFacts {
  /** The file that pam-auth-update(8) writes. */
  path: string;
  isOn: boolean;
  isWanted: boolean;
  whyOff: string;
  /** Why the program that writes it cannot be run for this system. */
  whyNot: string | undefined;
}

/** Sessions that set their user up: on and off by PAM's own tool, which keeps what administrators wrote there. */
export function planPam({ path, isOn, isWanted, whyOff, whyNot }: PamFacts): Item {
  const words = (on: boolean) => (on ? 'sets users up' : 'does not');
  const text: ItemText = { kind: 'hook', subject: path, current: words(isOn), desired: words(isWanted) };
  if (isOn === isWanted) return item.unchanged('create', text, isOn ? 'already on' : whyOff);
  if (whyNot !== undefined) return item.unavailable('create', text, `${whyNot}; done at its boot`);
  const args = { profile: PAM_PROFILE };
  return isWanted
    ? item.todo('create', text, { kind: 'pam.enable', args })
    : item.todo('create', text, { kind: 'pam.disable', args }, whyOff);
}
