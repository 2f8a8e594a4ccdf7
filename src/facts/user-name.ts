/** What can be a login name, and what must not be taken for one. Pure. */
import { IsoError } from '../lib/errors.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a name may not hold
const NOT_IN_A_NAME = /[\u0000-\u0020\u007f:,/]|^[-+#!]|^\.\.?$|^$/;

export const unknownUser = (name: string, why: string) =>
  new IsoError('user.unknown', `cannot find the user ${name}`, why);

// A line of subuid(5) that starts with `#` is a comment, with `+` or `-` NIS's, with `!` a name that Apptainer switched off.
/** Refuses text that cannot be one user's name, before any account source is asked. @throws IsoError */
export function requireUserName(name: string): void {
  if (NOT_IN_A_NAME.test(name) || Buffer.byteLength(name) > 255) throw unknownUser(name, 'this is not a user name');
  if (/^\d+$/.test(name)) {
    throw new IsoError(
      'user.refused',
      `cannot provision ${name}`,
      'a name of digits only cannot be told from a user id',
      {
        hint: `give the login name: \`getent passwd ${name}\` shows it`,
      },
    );
  }
}
