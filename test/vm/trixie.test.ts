/** Debian 13, with its kernel, its systemd, its Node and its SELinux policy. */
import { describe, expect, it } from 'vitest';
import { limitTests } from './limit-tests.js';
import { loginTests } from './login-tests.js';
import { installTests, purgeTests } from './package-tests.js';
import { podmanTests } from './podman-tests.js';
import { provisionTests } from './provision-tests.js';
import { selinuxTests } from './selinux-tests.js';
import { useGuest } from './use-guest.js';

describe.sequential('Debian 13', () => {
  const lab = useGuest('trixie');
  it('is Debian 13, with SELinux enforcing', async () => {
    expect(await lab.guest.sh('. /etc/os-release; echo $VERSION_CODENAME; getenforce')).toBe('trixie\nEnforcing\n');
  });
  installTests(lab);
  provisionTests(lab);
  loginTests(lab);
  limitTests(lab);
  selinuxTests(lab);
  podmanTests(lab);
  purgeTests(lab);
});
