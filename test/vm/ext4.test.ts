/** Homes on ext4 without project quota: everything but the quota works, and that is said. */
import { describe, expect, it } from 'vitest';
import { limitValueTest } from './limit-tests.js';
import { loginTests } from './login-tests.js';
import { installTests, purgeTests } from './package-tests.js';
import { MAKE_ALICE } from './provision-tests.js';
import { useGuest } from './use-guest.js';

interface Finding {
  rule: string;
  result: string;
}

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
  it('iso-audit report finds it in order, or not, as the policy has it', async () => {
    const report = 'iso-audit report --user alice --json';
    const checkOf = async (command: string) => {
      const { findings } = JSON.parse((await lab.guest.shell(command)).stdout) as { findings: Finding[] };
      return findings.filter(({ rule }) => rule === 'Q01').map(({ result }) => result);
    };
    expect(await checkOf(report)).toEqual(['notapplicable']);
    const require = `mkdir -p /etc/iso && printf '[quota]\\nmissing = "require"\\n' >/etc/iso/policy.toml`;
    expect(await checkOf(`${require}; ${report}; rm /etc/iso/policy.toml`)).toEqual(['fail']);
  });
  loginTests(lab);
  limitValueTest(lab);
  purgeTests(lab);
});
