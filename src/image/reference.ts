/** Image names: a subset of Docker's reference grammar, decided before a name comes near a path. Pure. */
import { IsoError } from '../lib/errors.js';

const DEFAULT_TAG = 'latest';

/** Encoded as a file name the longest reference stays below the 255 bytes that file systems allow. */
export const MAX_REFERENCE = 128;
const MAX_COMPONENTS = 8;

const COMPONENT = '[a-z0-9]+(?:[._-][a-z0-9]+)*';
const REFERENCE = new RegExp(
  `^(?<path>${COMPONENT}(?:/${COMPONENT}){0,${MAX_COMPONENTS - 1}})(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}))?$`,
);

/**
 * The full form of an image name: `base` gives `base:latest`.
 * @throws IsoError usage.invalid when it is outside the grammar.
 */
export function parseReference(text: string): string {
  const groups = text.length <= MAX_REFERENCE ? REFERENCE.exec(text)?.groups : undefined;
  const name = `${groups?.path}:${groups?.tag ?? DEFAULT_TAG}`;
  if (groups === undefined || name.length > MAX_REFERENCE) {
    throw new IsoError(
      'usage.invalid',
      `cannot use ${JSON.stringify(text.slice(0, MAX_REFERENCE))} as an image name`,
      `a name is lower-case letters, digits and single . _ - between them, at most ${MAX_COMPONENTS} parts joined by /, ` +
        `then an optional :TAG; ${MAX_REFERENCE} characters in all`,
      { hint: 'use a name like base, team/tool or tool:1.2' },
    );
  }
  return name;
}

/** File name of the record of a full reference: reversible, and free of `/` and of a leading dot. */
export function recordFileName(name: string): string {
  return `${encodeURIComponent(name)}.json`;
}
