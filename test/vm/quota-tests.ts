/** The quota of a user's container tree: set, reached, cleaned up at, evaded and found, sampled. A small one, to be fast. */
import { describe, expect, it } from 'vitest';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const asAlice = { user: 'alice' };
const STORAGE = '.local/share/containers/storage';
const fill = (name: string, size: string) => `fallocate -l ${size} ${STORAGE}/${name}`;

interface Usage {
  user: string;
  project: number;
  usedBytes: number;
  softBytes: number;
  percent: number;
}

async function usage({ guest }: Lab): Promise<Usage> {
  const { users } = JSON.parse(await guest.sh('iso-setup quota alice --json')) as { users: Usage[] };
  if (!users[0]) throw new Error('alice has no quota');
  return users[0];
}

export function quotaTests(lab: Lab): void {
  describe('the quota of a container tree', () => {
    it('is changed at once, kept by the next set-up, and named for xfs_quota', async () => {
      const said = await lab.guest.sh('iso-setup quota alice --set 300M');
      expect(said).toMatch(/^ {2}done {4}quota .*10\.0 GiB \(hard 10\.5 GiB\).* -> 300\.0 MiB \(hard 812\.0 MiB\)/m);
      expect(await lab.guest.sh('df --output=size -BM ~/.local/share/containers | tail -n 1', asAlice)).toMatch(
        / 300M/,
      );
      const again = await lab.guest.sh('iso-setup user alice');
      expect(again).toMatch(/^ {2}ok .*already limited, as `iso-setup quota --set` declared/m);
      expect(await lab.guest.sh("xfs_quota -x -c 'report -p' /")).toMatch(/^iso-alice +\d+ +307200 +831488 /m);
    });

    it('is set to no nonsense, nor below what is used', async () => {
      const odd = await lab.guest.shell('iso-setup quota alice --set 12X');
      expect(odd).toMatchObject({ status: 64, stderr: expect.stringMatching(/hint: give a size such as 512M, 12G/) });
      await lab.guest.sh(fill('fill', '30M'), asAlice);
      const low = await lab.guest.shell('iso-setup quota alice --set 20M');
      expect(low).toMatchObject({ status: 65, stderr: expect.stringMatching(/why: .* are used, more than 20\.0 MiB/) });
    });

    it('near the limit nothing is begun, and iso-run says why and who can raise it', async () => {
      await lab.guest.sh(fill('fill', '290M'), asAlice);
      const refusal = /why: .* of 300\.0 MiB \(9\d %\) are used .*\n.*hint: .*`iso-setup quota alice --set 1G`/;
      for (const command of ['iso-run run --rm base true', 'iso-run image bootstrap other']) {
        const ended = await lab.guest.shell(command, asAlice);
        expect(ended).toMatchObject({ status: 125, stdout: '', stderr: expect.stringMatching(refusal) });
      }
    });

    it('thresholds are told to the trail once, by the service that the timer starts', async () => {
      expect(await lab.guest.sh('systemctl is-enabled iso-quota.timer; systemctl is-active iso-quota.timer')).toBe(
        'enabled\nactive\n',
      );
      await lab.guest.sh('systemctl start iso-quota.service');
      await lab.guest.sh('systemctl start iso-quota.service');
      const told = await lab.guest.sh('grep -c \'"action":"quota.threshold".*"level":95\' /var/log/iso/events.jsonl');
      expect(told).toBe('1\n');
    });

    it('is a wall at the hard limit, where removing still works', async () => {
      const steps = '64M 1M 4K';
      const wall = await lab.guest.shell(
        `for step in ${steps}; do n=0; while fallocate -l $step ${STORAGE}/w.$step.$n; do n=$((n+1)); done; done`,
        asAlice,
      );
      expect(wall.stderr).toMatch(/No space left on device/);
      expect((await usage(lab)).percent).toBeGreaterThan(260);
      expect(await lab.guest.sh('iso-run image rm base', asAlice)).toBe('removed base:latest\n');
      await lab.guest.sh(`rm ${STORAGE}/w.* ${STORAGE}/fill`, asAlice);
      expect((await usage(lab)).usedBytes).toBeLessThan(10 * 2 ** 20);
      await lab.guest.sh('iso-run image bootstrap base && iso-run run --rm base true', asAlice);
    });

    it('what its owner takes out of the project is found, told and counted again', async () => {
      await lab.guest.sh(`${fill('hidden', '5M')} && /usr/sbin/xfs_io -r -c 'chproj 0' ${STORAGE}/hidden`, asAlice);
      const check = await lab.guest.shell('iso-setup quota alice --check');
      expect(check.status).toBe(2);
      expect(check.stdout).toMatch(
        /1 file \(5\.0 MiB\) not counted, first storage\/hidden.*`iso-setup quota alice --repair`/,
      );
      const report = await lab.guest.shell('iso-audit report --user alice --json');
      const { findings } = JSON.parse(report.stdout) as { findings: { rule: string; result: string }[] };
      const results = findings.filter(({ rule }) => /^Q0/.test(rule)).map(({ rule, result }) => `${rule} ${result}`);
      expect(results.sort()).toEqual(['Q01 pass', 'Q02 fail', 'Q03 pass', 'Q04 pass']);
      await lab.guest.sh(`iso-setup quota alice --repair && rm ~alice/${STORAGE}/hidden`);
      expect(await lab.guest.sh('iso-setup quota alice --check')).toMatch(/^2 unchanged/m);
      expect(await lab.guest.sh('grep -c \'"action":"quota.bypass"\' /var/log/iso/events.jsonl')).toBe('2\n');
    });

    it('gives the policy back its say', async () => {
      expect(await lab.guest.sh('iso-setup quota alice --set default')).toMatch(/300M -> as the policy says/);
      expect((await usage(lab)).softBytes).toBe(10 * 2 ** 30);
    });

    existingTreeTest(lab);
    accountingOnlyTest(lab);
    itComplainsOfNothing(lab);
  });
}

/** Files that were there before, those of subordinate ids in closed directories too; and all of it taken back. */
function existingTreeTest(lab: Lab): void {
  it('a tree with content is counted whole, and removal takes limit and names back', async () => {
    const layer = `${STORAGE}/layer`;
    await lab.guest.sh(`useradd -m -s /bin/bash bob && cd ~bob
      runuser -u bob -- sh -c 'mkdir -p ${layer} && fallocate -l 3M ${layer}/file'
      mkdir ${layer}/mapped && fallocate -l 2M ${layer}/mapped/file
      chown -R "$(grep ^bob: /etc/subuid | cut -d: -f2)" ${layer}/mapped && chmod 0 ${layer}/mapped`);
    expect(await lab.guest.sh('iso-setup user bob')).toMatch(/^ {2}done {4}quota .*4 files were put into it/m);
    expect(await lab.guest.sh("xfs_quota -x -c 'report -p' /")).toMatch(/^iso-bob +51\d\d /m);
    await lab.guest.sh('iso-setup remove --purge bob; userdel -r bob 2>&1');
    expect(await lab.guest.sh('cat /etc/projid')).toMatch(/^iso-alice:\d+\n$/);
    const limited = (await lab.guest.sh("xfs_quota -x -c 'report -pn' /")).match(/^#107374\d+ +\d+ +[1-9]/gm);
    expect(limited).toHaveLength(1);
  });
}

/** The home of one account on another XFS, whose mount counts projects and limits none. */
function accountingOnlyTest(lab: Lab): void {
  it('that is counted and not enforced is told as no limit, with the mount option that helps', async () => {
    await lab.guest.sh(`truncate -s 320M /var/tmp/counted.img && mkfs.xfs -q /var/tmp/counted.img
      useradd -m -s /bin/bash carol && mount -o loop,pqnoenforce /var/tmp/counted.img ~carol
      chown carol: ~carol && chmod 700 ~carol && { ! selinuxenabled || restorecon ~carol; }`);
    try {
      const why = 'home is on XFS where project quota is counted and not enforced; mount it with prjquota';
      expect(await lab.guest.sh('iso-setup user carol')).toMatch(new RegExp(`^  n/a     quota .*: ${why}`, 'm'));
      expect(await lab.guest.sh('iso-setup quota carol')).toContain(why);
      const refused = await lab.guest.shell('iso-setup quota carol --set 1G');
      expect(refused).toMatchObject({ status: 69, stderr: expect.stringContaining(why) });
    } finally {
      await lab.guest.sh(
        `iso-setup remove --purge carol; umount ~carol && userdel -r carol 2>&1; rm /var/tmp/counted.img`,
      );
    }
  });
}
