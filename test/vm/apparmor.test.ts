/** The same host with AppArmor instead of SELinux, and a file system without project quota beside its own. */
import { describe, expect, it } from 'vitest';
import { ext4Tests } from './ext4-tests.js';
import { faultTests } from './fault-tests.js';
import { lingerTests } from './linger-tests.js';
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
  lingerTests(lab);
  podmanTests(lab);
  ext4Tests(lab);
  faultTests(lab);
  purgeTests(lab);
});
