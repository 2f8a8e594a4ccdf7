/** A user is provisioned once, and the quota that root put on the user's containers holds. */
import { describe, expect, it } from 'vitest';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

/** Without ranges from useradd(8), so that iso-setup has to give them. */
export const MAKE_ALICE = 'useradd -m -s /bin/bash -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 alice';

export function provisionTests(lab: Lab): void {
  describe('iso-setup user', () => {
    it('provisions an account in one command', async () => {
      const said = await lab.guest.sh(`${MAKE_ALICE} && iso-setup user alice`);
      expect(said).toMatch(/^ {2}done {4}quota {6}.*10\.0 GiB/m);
      expect(await lab.guest.sh('cat /etc/subuid /etc/subgid')).toMatch(/^(alice:\d+:65536\n){2}$/);
    });

    it('has nothing to do the second time', async () => {
      const said = await lab.guest.sh('iso-setup user alice');
      expect(said.trimEnd().split('\n').at(-1)).toMatch(/^\d+ unchanged(, \d+ unavailable)?$/);
      const { status } = await lab.guest.shell('iso-setup user --check alice');
      expect(status).toBe(0);
    });

    quotaTest(lab);
    itComplainsOfNothing(lab);
  });
}

export function quotaTest(lab: Lab): void {
  it('the quota is a wall in the container directory, and nowhere else in the home', async () => {
    const fill = (path: string) => `fallocate -l 10800M ${path}; status=$?; rm -f ${path}; exit $status`;
    const inside = await lab.guest.shell(fill('~/.local/share/containers/storage/fill'), { user: 'alice' });
    expect(inside).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(/No space left|quota exceeded/i) });
    const outside = await lab.guest.shell(fill('~/fill'), { user: 'alice' });
    expect(outside).toEqual({ status: 0, stdout: '', stderr: '' });
    const size = await lab.guest.sh('df --output=size -B1G ~/.local/share/containers | tail -n 1', { user: 'alice' });
    expect(size.trim()).toBe('10');
  });
}
