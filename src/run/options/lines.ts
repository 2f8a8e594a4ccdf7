/** Files that list values of options, one a line, as Podman and Docker read them. Pure. */
import { refuse } from './refuse.js';

const MAX_LINES = 1000;

/** Lines that are neither empty nor comments, without the blanks before them; each with the words that errors name it by. */
export function parseLines(option: string, text: string): { line: string; origin: string }[] {
  if (text.includes('\0')) throw refuse(option, 'the file holds a NUL byte');
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line, index) => ({ line: line.trimStart(), origin: `${option}, line ${index + 1}` }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
  if (lines.length > MAX_LINES) throw refuse(option, `the file has more than ${MAX_LINES} values`);
  return lines;
}
