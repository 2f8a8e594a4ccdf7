/** Nested values for people: a line each, indented, in the manner of YAML. Pure. */
import { escapeControl } from './text.js';

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;

function linesOf(value: object, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      if (!isNested(item)) return [`${indent}- ${escapeControl(String(item))}`];
      const [first = '', ...others] = linesOf(item, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...others];
    });
  }
  return Object.entries(value).flatMap(([key, one]) => {
    if (!isNested(one)) return [`${indent}${key}: ${escapeControl(String(one))}`.trimEnd()];
    const below = linesOf(one, `${indent}  `);
    return below.length === 0 ? [`${indent}${key}: []`] : [`${indent}${key}:`, ...below];
  });
}

export const formatTree = (value: object): string =>
  linesOf(value, '')
    .map((line) => `${line}\n`)
    .join('');
