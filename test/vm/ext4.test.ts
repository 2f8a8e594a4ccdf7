/** Homes on ext4 without project quota: everything but the quota works, and that is said. */
import { describe, expect, it } from 'vitest';
import { limitValueTest } from './limit-tests.js';
import { loginTests } from './login-tests.js';
import { installTests, purgeTests } from './package-tests.js';
import { MAKE_ALICE } from './provision-tests.js';
import { useGuest } from './use-guest.js';

describe.sequential('ext4 home without project quota', () => {
  const lab = useGuest('ext4');
  installTests(lab);
  it('iso-setup user says that no quota holds, and why', async () => {
    expect(await lab.guest.sh('findmnt -no FSTYPE /home')).toBe('ext4\n');
    const said = await lab.guest.sh(`${MAKE_ALICE} && iso-setup user alice`);
    expect(said).toMatch(/^ {2}n\/a {5}quota .*(ext4|XFS)/m);
    const { status } = await lab.guest.shell('iso-setup user --check alice');
    expect(status).toBe(0);
  });
  it('iso-setup user refuses where the policy requires a quota', async () => {
    await lab.guest.sh(`mkdir -p /etc/iso && printf '[quota]\\nmissing = "require"\\n' >/etc/iso/policy.toml`);
    const ended = await lab.guest.shell('iso-setup user alice; status=$?; rm /etc/iso/policy.toml; exit $status');
    expect(ended.status).not.toBe(0);
    expect(`${ended.stdout}${ended.stderr}`).toMatch(/quota/);
  });
  loginTests(lab);
  limitValueTest(lab);
  purgeTests(lab);
});
