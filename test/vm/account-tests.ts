/** A service account, for which no systemd user manager runs: containers, but none of the limits that need one. */
import { describe, expect, it } from 'vitest';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const AS_SERVICE = 'cd /var/lib/service && setpriv --reuid service --regid service --init-groups --reset-env --';

export function accountTests(lab: Lab): void {
  describe('a service account', () => {
    it('is provisioned like any user', async () => {
      await lab.guest.sh('useradd -m -d /var/lib/service -s /usr/sbin/nologin -F service');
      expect(await lab.guest.sh('iso-setup user service')).toMatch(/the account cannot log in/);
    });

    it('runs containers, and is told which default limits do not hold', async () => {
      await lab.guest.sh(`${AS_SERVICE} iso-run image bootstrap base`);
      expect(await lab.guest.sh(`${AS_SERVICE} iso-run run --rm base echo ran`)).toBe('ran\n');
    });

    it('is refused a limit that nothing would enforce', async () => {
      const ended = await lab.guest.shell(`${AS_SERVICE} iso-run run --rm --memory 64m base echo ran`);
      expect(ended).toMatchObject({ status: 125, stdout: '' });
      expect(ended.stderr).toMatch(/why: {2}no systemd user manager runs for this user/);
      expect(ended.stderr).toMatch(/code: controller\.missing/);
    });

    it('is removed', async () => {
      const said = await lab.guest.sh('iso-setup remove --purge service; userdel -r service 2>&1 || test $? = 12');
      expect(said).toMatch(/^\d+ done/m);
    });

    itComplainsOfNothing(lab);
  });
}
