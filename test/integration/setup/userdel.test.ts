/** The hook of userdel(8), run by userdel itself: what it takes back, what it keeps from others, and that it fails nobody. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { onPrivateHost, partsOf } from './private-host.js';

const hook = join(import.meta.dirname, '../../../debian/hooks/user-hook');

describe('an account that userdel deletes', () => {
  const parts = partsOf(onPrivateHost('userdel.sh', [hook]));

  it('leaves its notes to `iso-setup remove` where the policy does not name the hook', () => {
    expect(parts.without).toBe('2 notes\n');
  });

  it('with its home leaves nothing', () => {
    expect(parts.made).toBe('bob:524288:65536\ncarol:589824:65536\n');
    expect(parts['with its home']).toMatch(/^status 0, 0 notes, 3002\.json$/m);
  });

  it('without its home leaves its ids to nobody, not to the next account with its uid either', () => {
    expect(parts['without its home']).toMatch(/^status 0, 2 notes, 3002\.json$/m);
    expect(parts['without its home']).toContain('carol:589824:65536 is in /etc/subuid no more');
    expect(parts['next of that uid']).toBe('dave:524288:65536\n');
  });

  it('keeps all when userdel refuses, or is about another root directory', () => {
    expect(parts.refused).toBe('status 8\ndave:524288:65536\n');
    expect(parts['of another root']).toBe('status 0\ndave:524288:65536\nnone there\n');
  });

  it('whose home was not there before counts as one that keeps it', () => {
    expect(parts['unmounted home']).toBe('status 0, 2 notes\n');
  });

  it('loses lines that userdel left behind as well', () => {
    expect(parts['older shadow']).toBe('no line, 0 notes\n');
  });

  it('is deleted whatever becomes of the hook, which tells the log', () => {
    const told = '-- what user 3002 was given was not taken back; see: iso-setup status';
    expect(parts.failures).toBe(`status 0\n${told}\nstatus 0\nstatus 0\n`);
    expect(parts.left).toBe('');
  });
});
