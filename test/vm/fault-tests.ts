/** iso-setup is struck in the middle of its work; afterwards it finds its way. */
import { describe, expect, it } from 'vitest';
import { fillDisk, killAtCall, makeReadOnly } from './faults.mjs';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const RENAMES = ['rename', 'renameat', 'renameat2'];
const makeUser = (name: string) => `useradd -m -s /bin/bash -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 ${name}`;

const STRUCK = ['killed1', 'killed3', 'etcro', 'nospace'];

export function faultTests(lab: Lab): void {
  describe('faults', () => {
    it.each([1, 3])('iso-setup user is killed at its rename number %i', async (count) => {
      const user = `killed${count}`;
      await lab.guest.sh(makeUser(user));
      const ended = await killAtCall(lab.guest, `iso-setup user ${user}`, { calls: RENAMES, count });
      expect(ended).toMatchObject({ struck: true });
    });

    it('a read-only /etc: says what it could not write', async () => {
      await lab.guest.sh(makeUser('etcro'));
      const makeWritable = await makeReadOnly(lab.guest, '/etc');
      const ended = await lab.guest.shell('iso-setup user etcro');
      await makeWritable();
      expect(ended.status).not.toBe(0);
      expect(ended.stderr).toMatch(/^iso-setup: .*\/etc\/.*\n {2}why: .*read-only file system/im);
    });

    it('a full disk: says so', async () => {
      await lab.guest.sh(makeUser('nospace'));
      const empty = await fillDisk(lab.guest, '/var/tmp');
      const ended = await lab.guest.shell('iso-setup user nospace');
      await empty();
      expect(ended.status).not.toBe(0);
      expect(ended.stderr).toMatch(/no space left on device/i);
    });

    it('the next run completes what was begun, and the one after it has nothing to do', async () => {
      await lab.guest.sh(`iso-setup user ${STRUCK.join(' ')}`);
      const { status, stdout } = await lab.guest.shell(`iso-setup user --check ${STRUCK.join(' ')}`);
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^4 users: \d+ unchanged/m) });
      for (const user of STRUCK) {
        const ranges = await lab.guest.sh(`grep -h ^${user}: /etc/subuid /etc/subgid`);
        expect(ranges).toMatch(/^(\S+:\d+:65536\n){2}$/);
      }
    });

    it('leaves nothing of the struck runs behind', async () => {
      const stray = await lab.guest.sh(
        "find /etc /var/lib/iso /home -xdev -name '*.iso-*' -o -xdev -name '.*.tmp*' | sort",
      );
      expect(stray).toBe('');
      for (const user of STRUCK) await lab.guest.sh(`iso-setup remove --purge ${user}; userdel -r ${user} 2>&1`);
    });

    itComplainsOfNothing(lab);
  });
}
