/** Near a quota nothing new is begun, and the refusal gives the figures and the way up. */
import { describe, expect, it } from 'vitest';
import { findFull } from '../../../src/image/space.js';

const GIB = 2 ** 30;
const use = { usedBytes: 5 * GIB, limitBytes: 10 * GIB, usedFiles: 10, limitFiles: 1000 };

describe('findFull', () => {
  it.each([
    ['there is room', {}, 95],
    ['just below the threshold', { usedBytes: 9.49 * GIB }, 95],
    ['no limit is set', { limitBytes: 0, limitFiles: 0, usedBytes: 99 * GIB }, 95],
    ['the policy says never', { usedBytes: 10.2 * GIB }, 0],
  ])('begins: %s', (_, over, refuse) => expect(findFull({ ...use, ...over }, refuse, 'alice')).toBeUndefined());

  it('refuses near the limit on space', () => {
    expect(findFull({ ...use, usedBytes: 9.6 * GIB }, 95, 'alice')).toEqual({
      why: '9.6 GiB of 10.0 GiB (96 %) are used in ~/.local/share/containers, and from 95 % on nothing new is begun',
      hint: 'remove containers with `iso-run rm` and images with `iso-run image rm`, or ask the administrator to run `iso-setup quota alice --set 20G`',
    });
  });

  it('refuses near the limit on files, and inside the reserve', () => {
    const files = findFull({ ...use, usedFiles: 990 }, 95, 'alice');
    expect(files?.why).toMatch(/^990 of 1000 files \(99 %\) are there/);
    expect(files?.hint).toMatch(/`iso-setup quota alice --inodes 2000`$/);
    expect(findFull({ ...use, usedBytes: 10.4 * GIB }, 95, 'alice')?.why).toMatch(/\(104 %\)/);
  });
});
