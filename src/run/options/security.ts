/** `--security-opt`: what may be said of a container's confinement. Whether it is allowed is the policy's to say. Pure. */
import { IsoError } from '../../lib/errors.js';
import { refuse } from './refuse.js';

export interface Security {
  /** A profile of the user's own, or none at all. */
  seccomp?: { path: string; text: string } | 'unconfined';
  /** The container keeps the SELinux label of the login. */
  unlabelled: boolean;
}

type Change = Partial<Security>;

function parseSeccomp(value: string, readText: (path: string) => string): Change {
  if (value === 'unconfined') return { seccomp: 'unconfined' };
  return { seccomp: { path: value, text: readText(value) } };
}

function parseLabel(value: string, option: string): Change {
  if (value === 'disable') return { unlabelled: true };
  // What it has in any case.
  if (value === 'type:container_t') return {};
  const why =
    value.startsWith('type:') || value.startsWith('filetype:')
      ? 'the policy has rules for container_t alone'
      : 'user, role and categories are given to each container, which they tell apart from others';
  throw refuse(option, why);
}

function parseAppArmor(value: string, option: string): Change {
  // There is no profile of AppArmor's for payloads, so this is what they are.
  if (value === 'unconfined') return {};
  throw refuse(option, 'no profile is put on a payload: what confines it is the filter, capabilities and namespaces');
}

function parseOne(text: string, readText: (path: string) => string): Change {
  const option = `--security-opt ${text}`;
  if (/^no-new-privileges([:=]true)?$/.test(text)) return {};
  if (/^no-new-privileges[:=]false$/.test(text)) {
    throw refuse(option, 'it is always on: a set-id program would be a way around what the container may do');
  }
  const [, name = '', value = ''] = /^([a-z-]+)=(.+)$/s.exec(text) ?? [];
  if (name === 'seccomp') return parseSeccomp(value, readText);
  if (name === 'label') return parseLabel(value, option);
  if (name === 'apparmor') return parseAppArmor(value, option);
  throw refuse(option, 'it is none of seccomp=, no-new-privileges, label=, apparmor=');
}

/** @throws IsoError usage.invalid, file.unreadable */
export function parseSecurity(texts: readonly string[], readText: (path: string) => string): Security {
  if (texts.filter((text) => text.startsWith('seccomp=')).length > 1) {
    throw refuse('--security-opt seccomp=', 'it is given twice');
  }
  return Object.assign({ unlabelled: false }, ...texts.map((text) => parseOne(text, readText)));
}

/** Asks for all that the other options ask for one by one. */
export function checkPrivileged(privileged: boolean | undefined): void {
  if (!privileged) return;
  throw new IsoError('usage.invalid', 'cannot use --privileged', 'it would take every wall away at once', {
    hint: 'add what the program needs, for example --cap-add NET_RAW or --security-opt seccomp=FILE',
  });
}
