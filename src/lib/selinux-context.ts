/**
 * SELinux contexts and their MCS categories. Pure.
 *
 * A user has a pair of the lower half of the categories, a container one of the upper half, and a container's processes and
 * files carry both: so what carries a user's pair alone is open to all containers of that user, and the label of one
 * container never dominates another's, whichever pairs each user's own tool chose.
 */

const HALF = 512;
/** Pairs of half the categories: as many users, and as many containers of each. */
export const PAIRS = (HALF * (HALF - 1)) / 2;

export type CategoryPair = readonly [number, number];

/** Pair number `index` (0 to PAIRS-1) of the numbers 0 to 511, in a fixed order. */
function pairAt(index: number): CategoryPair {
  let high = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
  if ((high * (high - 1)) / 2 > index) high -= 1;
  return [index - (high * (high - 1)) / 2, high];
}

/** @param index 0 to PAIRS-1 */
export const userPair = (index: number): CategoryPair => pairAt(index);

export function containerPair(index: number): CategoryPair {
  const [low, high] = pairAt(index);
  return [HALF + low, HALF + high];
}

export interface SelinuxContext {
  user: string;
  role: string;
  type: string;
  /** `s0`, `s0:c1,c2` or a range `s0-s0:c0.c1023`. */
  level: string;
}

const CONTEXT = /^([\w.-]+):([\w.-]+):([\w.-]+):([\w.,:-]+)$/;

/** Undefined when the text is no context with a level. */
export function parseContext(text: string): SelinuxContext | undefined {
  const [, user, role, type, level] = CONTEXT.exec(text) ?? [];
  if (user === undefined || role === undefined || type === undefined || level === undefined) return undefined;
  return { user, role, type, level };
}

/** The categories of a level, of the upper one when it is a range: `s0-s0:c0.c3,c9` has 0 1 2 3 9. */
export function categoriesOf(level: string): Set<number> {
  const list = level.split('-').at(-1)?.split(':')[1] ?? '';
  const found = new Set<number>();
  for (const [, first, last] of list.matchAll(/c(\d{1,4})(?:\.c(\d{1,4}))?/g)) {
    for (let one = Number(first); one <= Number(last ?? first); one += 1) found.add(one);
  }
  return found;
}

/** A level as the kernel itself writes it, since contexts are read back: runs of three and more are shortened. */
export function formatLevel(categories: readonly number[]): string {
  const sorted = [...new Set(categories)].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const one of sorted) {
    const run = runs.at(-1);
    if (run && run[1] === one - 1) run[1] = one;
    else runs.push([one, one]);
  }
  const words = runs.map(([first, last]) =>
    first === last ? `c${first}` : `c${first}${last - first > 1 ? '.' : ','}c${last}`,
  );
  return words.length === 0 ? 's0' : `s0:${words.join(',')}`;
}

/** The user's pair that a level carries; undefined when it carries anything else. */
export function userPairOf(level: string): CategoryPair | undefined {
  const [low, high, ...more] = [...categoriesOf(level)];
  const isPair = low !== undefined && high !== undefined && more.length === 0 && low < HALF && high < HALF;
  return isPair ? [Math.min(low, high), Math.max(low, high)] : undefined;
}
