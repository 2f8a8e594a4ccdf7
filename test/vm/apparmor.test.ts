/** The same host with AppArmor instead of SELinux. */
import { describe, expect, it } from 'vitest';
import { faultTests } from './fault-tests.js';
import { limitValueTest } from './limit-tests.js';
import { loginTests } from './login-tests.js';
import { installTests, purgeTests } from './package-tests.js';
import { podmanTests } from './podman-tests.js';
import { provisionTests } from './provision-tests.js';
import { useGuest } from './use-guest.js';

describe.sequential('AppArmor, XFS with project quota', () => {
  const lab = useGuest('apparmor');
  it('is what the kernel runs with', async () => {
    expect(await lab.guest.sh('cat /sys/kernel/security/lsm; echo; aa-enabled')).toMatch(/\bapparmor\b.*\nYes\n$/);
  });
  installTests(lab);
  provisionTests(lab);
  loginTests(lab);
  limitValueTest(lab);
  podmanTests(lab);
  faultTests(lab);
  purgeTests(lab);
});
