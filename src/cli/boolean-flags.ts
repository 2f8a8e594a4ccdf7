/** `--rm=true` and `--rm=false`, as Podman and Docker read them; commander knows flags without a value alone. */
import type { Command, Option } from 'commander';

const isFlag = (option: Option | undefined) => option !== undefined && !option.required && !option.optional;

/** Whether a word of options takes the next word for its value. */
function takesNext(word: string, options: readonly Option[]): boolean {
  if (word.startsWith('--')) return options.some(({ long, required }) => long === word && required);
  for (const [index, letter] of [...word.slice(1)].entries()) {
    const option = options.find(({ short }) => short === `-${letter}`);
    // The rest of the word is its value, when there is a rest.
    if (option?.required) return index === word.length - 2;
  }
  return false;
}

/** The words with flags as commander knows them; from the first operand on they are not ours. */
export function spellFlags(words: readonly string[], options: readonly Option[]): string[] {
  const spelt: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('-') || word === '-' || word === '--') return [...spelt, ...words.slice(at)];
    const [, name, value] = /^(--[a-z-]+)=(true|false)$/.exec(word) ?? [];
    const isOurs = isFlag(options.find(({ long }) => long === name));
    if (!isOurs) spelt.push(word);
    else if (name !== undefined && value === 'true') spelt.push(name);
    if (takesNext(word, options) && at + 1 < words.length) {
      at += 1;
      spelt.push(words[at] ?? '');
    }
  }
  return spelt;
}

/** Lets a command read its flags so. */
export function readBooleans(command: Command): Command {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (words) => parse(spellFlags(words, command.options));
  return command;
}
