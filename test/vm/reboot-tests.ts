/** What was set up survives a reboot and a power cut. */
import { describe, expect, it } from 'vitest';
import { quotaTest } from './provision-tests.js';
import type { Lab } from './use-guest.js';
import { itComplainsOfNothing } from './use-guest.js';

/** Power off and boot, each with the time that guest.mjs gives it. */
const BOOT_TEST_MS = 600_000;

function stillHolds(lab: Lab): void {
  it('nothing has drifted', async () => {
    const system = await lab.guest.shell('iso-setup system --check');
    expect({ status: system.status, said: system.stdout }).toMatchObject({ status: 0 });
    const user = await lab.guest.shell('iso-setup user --check alice');
    expect({ status: user.status, said: user.stdout }).toMatchObject({ status: 0 });
  });

  it('files have the SELinux types of their paths, whoever wrote them', async () => {
    const wrong = 'restorecon -Rnv /etc /var/lib/iso /var/log/iso | grep -E "iso|sub[ug]id|proj" || true';
    expect(await lab.guest.sh(`test ! -e /sys/fs/selinux/enforce || { ${wrong}; }`)).toBe('');
  });

  it('containers run inside their limits', async () => {
    const command = 'iso-run run --rm --memory 64m --cpus 0.5 --pids-limit 20 base hostname';
    expect(await lab.guest.sh(command, { user: 'alice' })).toMatch(/^[0-9a-f]{12}\n$/);
  });
}

/** Kernel's own id of a boot. */
const bootId = ({ guest }: Lab) => guest.sh('cat /proc/sys/kernel/random/boot_id');

function comesUp(lab: Lab, restart: () => Promise<void>): void {
  it(
    'the host comes up',
    async () => {
      const before = await bootId(lab);
      await restart();
      expect(await bootId(lab)).not.toBe(before);
    },
    BOOT_TEST_MS,
  );
}

export function rebootTests(lab: Lab): void {
  describe('after a reboot', () => {
    it('something is left to it, as in an image that was built in a chroot: a file, and the note of it', async () => {
      await lab.guest.sh(`rm /etc/sysctl.d/60-iso-toolkit.conf
        printf 'system: built in a chroot\\nuser alice: built in a chroot\\n' >/var/lib/iso/deferred`);
      expect((await lab.guest.shell('iso-setup system --check')).status).toBe(2);
    });
    comesUp(lab, () => lab.guest.reboot());
    it('what was left to the boot is done, and the note of it gone', async () => {
      const unit = await lab.guest.sh('systemctl show iso-toolkit-setup -P ConditionResult -P Result');
      expect(unit.trim().split('\n').sort()).toEqual(['success', 'yes']);
      await lab.guest.sh('test -f /etc/sysctl.d/60-iso-toolkit.conf && test ! -e /var/lib/iso/deferred');
    });
    stillHolds(lab);
    quotaTest(lab);
    itComplainsOfNothing(lab);
  });

  describe('after a power cut', () => {
    comesUp(lab, () => lab.guest.cutPower());
    stillHolds(lab);
    itComplainsOfNothing(lab);
  });
}
