import { join, relative } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_REFERENCE, parseReference, recordFileName } from '../../../src/image/reference.js';
import { IsoError } from '../../../src/lib/errors.js';

const accepts = (text: string) => {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof IsoError && error.code === 'usage.invalid') return false;
    throw error;
  }
};

const component = fc.stringMatching(/^[a-z0-9]{1,4}([._-][a-z0-9]{1,3}){0,2}$/);
const reference = fc
  .tuple(
    fc.array(component, { minLength: 1, maxLength: 8 }),
    fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}$/)),
  )
  .map(([path, tag]) => path.join('/') + (tag === null ? '' : `:${tag}`))
  .filter((text) => text.length <= MAX_REFERENCE - ':latest'.length);

describe('parseReference', () => {
  it('takes every name of the grammar, and completes it once', () => {
    fc.assert(
      fc.property(reference, (text) => {
        const full = parseReference(text);
        expect(full).toBe(text.includes(':') ? text : `${text}:latest`);
        expect(parseReference(full)).toBe(full);
      }),
    );
  });

  it('never lets a name be a path', () => {
    fc.assert(
      fc.property(
        fc.oneof(reference, fc.string(), fc.string({ unit: fc.constantFrom('.', '/', 'a', ':', '-', '%') })),
        (text) => {
          if (!accepts(text)) return;
          const file = recordFileName(parseReference(text));
          expect(relative('/store/images', join('/store/images', file))).toBe(file);
          expect(file).not.toMatch(/\/|^\.|\0/);
          expect(Buffer.byteLength(file)).toBeLessThanOrEqual(255);
        },
      ),
    );
  });

  it('gives different names different files', () => {
    fc.assert(
      fc.property(reference, reference, (a, b) => {
        fc.pre(parseReference(a) !== parseReference(b));
        expect(recordFileName(parseReference(a))).not.toBe(recordFileName(parseReference(b)));
      }),
    );
  });

  it.each([
    '',
    '.',
    '..',
    '../x',
    '/etc',
    'a/',
    '/a',
    'a//b',
    'a/../b',
    '-a',
    'a-',
    'a..b',
    'A',
    'a b',
    'a:',
    'a:.',
    ':a',
  ])('refuses %j', (text) => expect(accepts(text)).toBe(false));

  it.each(['a:-x', 'a:b:c', 'a@b', 'a\n', '\0', 'é', 'a/b/c/d/e/f/g/h/i', 'a'.repeat(129), `a:${'b'.repeat(65)}`])(
    'refuses %j',
    (text) => expect(accepts(text)).toBe(false),
  );
});
