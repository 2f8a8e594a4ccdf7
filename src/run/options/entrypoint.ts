/** `--entrypoint`. Pure. */
import { refuse } from './refuse.js';

const MAX_WORDS = 1024;

function parseWords(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One word, or a JSON list of words; empty text takes the image's away. */
export function parseEntrypoint(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('[')) return [text];
  const words = parseWords(text);
  const isList = Array.isArray(words) && words.every((word) => typeof word === 'string');
  if (!isList || words.length > MAX_WORDS) throw refuse(`--entrypoint ${text}`, 'it is not a JSON list of words');
  return words;
}
