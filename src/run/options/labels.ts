/** `--label` and `--label-file`. Pure. */
import { parseLines } from './lines.js';
import { refuse } from './refuse.js';

export interface Label {
  name: string;
  value: string;
}

const MAX_NAME = 256;

function parseAssignment(text: string, option: string): Label {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (name === '') throw refuse(option, 'it is not NAME=VALUE');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they have no place in a name
  if (/[\u0000-\u0020\u007f]/.test(name)) throw refuse(option, 'the name holds a blank or a control character');
  if (name.length > MAX_NAME) throw refuse(option, `the name is longer than ${MAX_NAME} characters`);
  return { name, value: at < 0 ? '' : text.slice(at + 1) };
}

/** `NAME=value`, or `NAME` for an empty value. */
export const parseLabel = (text: string) => parseAssignment(text, `--label ${text}`);

export function parseLabelFile(path: string, text: string): Label[] {
  return parseLines(`--label-file ${path}`, text).map(({ line, origin }) => parseAssignment(line, origin));
}
