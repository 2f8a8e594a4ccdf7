/** What is to be done about a file that iso-setup deploys and people may edit. Pure. */
import { createHash, hash } from 'node:crypto';
import { formatMode } from '../lib/units.js';

/** In one call where there is one (Node 20.12): for small contents it takes a tenth of the time. */
const sha256 =
  typeof hash === 'function'
    ? (content: string) => hash('sha256', content)
    : (content: string) => createHash('sha256').update(content).digest('hex');

const digests = new Map<string, string>();
const MAX_DIGESTS = 64;

/** SHA-256. Most contents are the same for all users of a call, so the last few are remembered. */
export function digestOf(content: string): string {
  const known = digests.get(content);
  if (known !== undefined) return known;
  const digest = sha256(content);
  if (digests.size === MAX_DIGESTS) digests.clear();
  digests.set(content, digest);
  return digest;
}

/** A file as it should be and, when something is there, as it is. */
export interface FileCase {
  content: string;
  mode: number;
  present: { content: string; mode: number } | undefined;
  /** Digests of what iso-setup deployed here before. */
  deployed: readonly string[];
  /** A run that was killed may have left this file half written. */
  isUnfinished?: boolean;
  /** Ours takes the place of what somebody edited. */
  isReset?: boolean | undefined;
}

export type FileVerdict =
  | { action: 'write' | 'chmod' | 'keep' | 'replace'; current: string; desired: string; reason: string }
  | { action: 'none'; current: string; desired: string; reason: string };

/** What a power cut leaves of a file of which only the name had reached the disk: a beginning of it, zeros in place of the rest. */
function isTorn(content: string, whole: string): boolean {
  if (content === whole || content.length > whole.length) return false;
  for (let at = 0; at < content.length; at += 1) {
    const unit = content.charCodeAt(at);
    if (unit !== 0 && unit !== whole.charCodeAt(at)) return false;
  }
  return true;
}

const describe = (mode: number, digest: string) => `${formatMode(mode)} ${digest.slice(0, 12)}`;

/** The edit is kept beside the file, byte by byte or not at all. */
function judgeReset(content: string, text: { current: string; desired: string }): FileVerdict {
  if (!content.includes('\ufffd')) return { action: 'replace', ...text, reason: 'replaced, since --reset asks for it' };
  return { action: 'keep', ...text, reason: 'edited; kept, since it is no UTF-8 and a copy would not be the same' };
}

/** Writes what is absent or what we wrote ourselves; keeps what somebody edited; corrects a mode that is too wide. */
export function judgeFile(file: FileCase): FileVerdict {
  const wanted = digestOf(file.content);
  const desired = describe(file.mode, wanted);
  if (!file.present) return { action: 'write', current: 'absent', desired, reason: '' };
  const { content, mode } = file.present;
  // What is right already is the common case, and comparing is cheaper than another digest.
  const isSame = content === file.content;
  const current = describe(mode, isSame ? wanted : digestOf(content));
  if (isSame) {
    if (mode === file.mode)
      return { action: 'none', current, desired, reason: `already as rendered, ${formatMode(mode)}` };
    return { action: 'chmod', current, desired, reason: 'its mode differs' };
  }
  if (file.isUnfinished && isTorn(content, file.content)) {
    return { action: 'write', current, desired, reason: 'a run that did not end left it half written' };
  }
  if (file.deployed.includes(digestOf(content))) {
    return { action: 'write', current, desired, reason: 'the template or the policy changed since it was deployed' };
  }
  if (file.isReset) return judgeReset(content, { current, desired });
  return {
    action: 'keep',
    current,
    desired,
    reason:
      file.deployed.length > 0
        ? 'edited since it was deployed; kept (remove it to get the new one)'
        : 'it was there before iso-setup; kept (remove it to get ours)',
  };
}
