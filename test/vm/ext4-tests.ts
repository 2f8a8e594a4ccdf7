/** A home on ext4, without project quota: everything but the quota works, and that is said. */
import { describe, expect, it } from 'vitest';
import { EXT4_PLACE } from './scenarios.mjs';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

interface Finding {
  rule: string;
  result: string;
}

export function ext4Tests(lab: Lab): void {
  describe('a home on ext4', () => {
    it('iso-setup user says that no quota holds, and why', async () => {
      await lab.guest.sh(`useradd -m -b ${EXT4_PLACE} -s /bin/bash carol`);
      expect(await lab.guest.sh('findmnt -no FSTYPE -T ~carol')).toBe('ext4\n');
      const said = await lab.guest.sh('iso-setup user carol');
      expect(said).toMatch(/^ {2}n\/a {5}quota .*(ext4|XFS)/m);
      const { status } = await lab.guest.shell('iso-setup user --check carol');
      expect(status).toBe(0);
    });

    it('iso-audit report finds it in order, or not, as the policy has it', async () => {
      const report = 'iso-audit report --user carol --json';
      const checkOf = async (command: string) => {
        const { findings } = JSON.parse((await lab.guest.shell(command)).stdout) as { findings: Finding[] };
        return findings.filter(({ rule }) => rule === 'Q01').map(({ result }) => result);
      };
      expect(await checkOf(report)).toEqual(['notapplicable']);
      const require = `mkdir -p /etc/iso && printf '[quota]\\nmissing = "require"\\n' >/etc/iso/policy.toml`;
      expect(await checkOf(`${require}; ${report}; rm /etc/iso/policy.toml`)).toEqual(['fail']);
    });

    it.each(['fuse-overlayfs', 'overlay'])('containers run on %s, and keep nothing', async (driver) => {
      const asCarol = { user: 'carol' };
      await lab.guest.sh('iso-run image ls --quiet | grep -q . || iso-run image bootstrap base', asCarol);
      const run = `iso-run run --rm --storage-driver ${driver} base sh -c 'echo x >/f && cat /f'`;
      expect(await lab.guest.sh(run, asCarol)).toBe('x\n');
      expect(await lab.guest.sh('ls ~/.local/share/containers/storage/iso/containers', asCarol)).toBe('');
    });

    it('is left as it was', async () => {
      await lab.guest.logOut('carol');
      await lab.guest.sh('iso-setup remove --purge carol && test ! -e ~carol/.local/share/containers');
      await lab.guest.sh(`loginctl terminate-user carol || true
        for try in $(seq 30); do pgrep -u carol >/dev/null || break; sleep 1; done; userdel -r carol 2>&1`);
      expect(await lab.guest.sh(`ls ${EXT4_PLACE}`)).toBe('lost+found\n');
    });

    itComplainsOfNothing(lab);
  });
}
