/** What every option says of a value that it does not take. Pure. */
import { IsoError } from '../../lib/errors.js';

export const refuse = (option: string, why: string) => new IsoError('usage.invalid', `cannot use ${option}`, why);
