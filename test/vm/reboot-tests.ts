/** What was set up survives a reboot and a power cut. */
import { describe, expect, it } from 'vitest';
import { quotaTest } from './provision-tests.js';
import type { Lab } from './use-guest.js';
import { itComplainsOfNothing } from './use-guest.js';

function stillHolds(lab: Lab): void {
  it('nothing has drifted', async () => {
    const system = await lab.guest.shell('iso-setup system --check');
    expect({ status: system.status, said: system.stdout }).toMatchObject({ status: 0 });
    const user = await lab.guest.shell('iso-setup user --check alice');
    expect({ status: user.status, said: user.stdout }).toMatchObject({ status: 0 });
  });

  it('containers run inside their limits', async () => {
    const command = 'iso-run run --rm --memory 64m --cpus 0.5 --pids-limit 20 base hostname';
    expect(await lab.guest.sh(command, { user: 'alice' })).toMatch(/^[0-9a-f]{12}\n$/);
  });
}

export function rebootTests(lab: Lab): void {
  describe('after a reboot', () => {
    it('the host comes up', async () => {
      await lab.guest.reboot();
      expect(Number((await lab.guest.sh('cat /proc/uptime')).split(' ')[0])).toBeLessThan(240);
    });
    stillHolds(lab);
    quotaTest(lab);
    itComplainsOfNothing(lab);
  });

  describe('after a power cut', () => {
    it('the host comes up', async () => {
      await lab.guest.cutPower();
      expect(Number((await lab.guest.sh('cat /proc/uptime')).split(' ')[0])).toBeLessThan(240);
    });
    stillHolds(lab);
    itComplainsOfNothing(lab);
  });
}
