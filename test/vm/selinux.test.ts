/** The main scenario: SELinux enforcing, XFS with project quota, cgroup v2, systemd. */
import { describe } from 'vitest';
import { accountTests } from './account-tests.js';
import { controlTests } from './control-tests.js';
import { limitTests, shareTests } from './limit-tests.js';
import { loginTests } from './login-tests.js';
import { installTests, purgeTests } from './package-tests.js';
import { provisionTests } from './provision-tests.js';
import { quotaTests } from './quota-tests.js';
import { rebootTests } from './reboot-tests.js';
import { homeTests, selinuxTests } from './selinux-tests.js';
import { useGuest } from './use-guest.js';

describe.sequential('SELinux, XFS with project quota', () => {
  const lab = useGuest('selinux');
  installTests(lab);
  provisionTests(lab);
  loginTests(lab);
  limitTests(lab);
  controlTests(lab);
  quotaTests(lab);
  selinuxTests(lab);
  homeTests(lab);
  shareTests(lab);
  accountTests(lab);
  rebootTests(lab);
  purgeTests(lab);
});
