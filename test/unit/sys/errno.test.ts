import { expect, it } from 'vitest';
import { errnoName } from '../../../src/sys/ffi.js';

it.each([
  [2, 'ENOENT'],
  [11, 'EAGAIN'],
  [61, 'ENODATA'],
  [95, 'ENOTSUP'],
  [117, 'errno 117'],
])('errno %i is called %s, whatever Node runs it', (number, name) => {
  expect(errnoName(number)).toBe(name);
});
