/** iso-setup is struck in the middle of its work; afterwards it finds its way. */
import { describe, expect, it } from 'vitest';
import { fillDisk, killAtCall, makeReadOnly } from './faults.mjs';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const RENAMES = ['rename', 'renameat', 'renameat2'];
const makeUser = (name: string) => `useradd -m -s /bin/bash -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 ${name}`;

/** The next run completes what was begun, and the one after it has nothing to do. */
async function expectRecovery({ guest }: Lab, user: string): Promise<void> {
  await guest.sh(`iso-setup user ${user}`);
  const { status, stdout } = await guest.shell(`iso-setup user --check ${user}`);
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+ unchanged/m) });
  const ranges = await guest.sh(`grep -h ^${user}: /etc/subuid /etc/subgid`);
  expect(ranges).toMatch(/^(\S+:\d+:65536\n){2}$/);
}

export function faultTests(lab: Lab): void {
  describe('faults', () => {
    it.each([1, 3])('killed at its rename number %i, iso-setup user completes when run again', async (count) => {
      const user = `killed${count}`;
      await lab.guest.sh(makeUser(user));
      const ended = await killAtCall(lab.guest, `iso-setup user ${user}`, { calls: RENAMES, count });
      expect(ended).toMatchObject({ struck: true });
      await expectRecovery(lab, user);
    });

    it('a read-only /etc: says what it could not write, and completes when run again', async () => {
      await lab.guest.sh(makeUser('etcro'));
      const makeWritable = await makeReadOnly(lab.guest, '/etc');
      const ended = await lab.guest.shell('iso-setup user etcro');
      await makeWritable();
      expect(ended.status).not.toBe(0);
      expect(ended.stderr).toMatch(/^iso-setup: .*\/etc\/.*\n {2}why: .*read-only file system/im);
      await expectRecovery(lab, 'etcro');
    });

    it('a full disk: says so, and completes when there is room', async () => {
      await lab.guest.sh(makeUser('nospace'));
      const empty = await fillDisk(lab.guest, '/var/tmp');
      const ended = await lab.guest.shell('iso-setup user nospace');
      await empty();
      expect(ended.status).not.toBe(0);
      expect(ended.stderr).toMatch(/no space left on device/i);
      await expectRecovery(lab, 'nospace');
    });

    it('leaves nothing of the struck runs behind', async () => {
      const stray = await lab.guest.sh(
        "find /etc /var/lib/iso /home -xdev -name '*.iso-*' -o -xdev -name '.*.tmp*' | sort",
      );
      expect(stray).toBe('');
      for (const user of ['killed1', 'killed3', 'etcro', 'nospace']) {
        await lab.guest.sh(`iso-setup remove --purge ${user}; userdel -r ${user} 2>&1`);
      }
    });

    itComplainsOfNothing(lab);
  });
}
