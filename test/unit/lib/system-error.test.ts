import { openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asIsoError } from '../../../src/lib/errors.js';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('asIsoError', () => {
  it('says which call on which path the system refused, and why', () => {
    const error = asIsoError(thrownBy(() => openSync('/proc/self/no, such', 'r')));
    expect(error).toMatchObject({
      code: 'os.failed',
      what: 'cannot open /proc/self/no, such',
      why: 'ENOENT: no such file or directory',
    });
  });

  it('takes anything else for a bug', () => {
    expect(asIsoError(new TypeError('x is no function'))).toMatchObject({ code: 'internal' });
  });
});
