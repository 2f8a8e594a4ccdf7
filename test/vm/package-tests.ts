/** The package in a real system: installed in one command, purged without a trace. */
import { describe, expect, it } from 'vitest';
import { COMPILE_SECONDS, installPackage } from './install.mjs';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

// All files but those that change by themselves, configuration with its content, accounts, modules of the policy, and units
// but those of logins ("transient").
const SNAPSHOT = `
find / -xdev \\( -path /tmp -o -path /var/tmp -o -path /run -o -path /root -o -path /var/cache -o -path /var/lib/apt \\
  -o -path /var/lib/dpkg -o -path /var/log -o -path /var/lib/systemd -o -path /var/lib/selinux -o -path '/etc/*-' \\
  -o -path /etc/.pwd.lock -o -path /etc/ld.so.cache -o -path /var/spool/mail -o -path /var/mail \\) -prune -o -print | sort
find /etc -type f ! -name '*-' ! -name .pwd.lock ! -name ld.so.cache -exec sha256sum {} + | sort
find /var/log -maxdepth 1 ! -name 'dpkg.log' ! -name 'alternatives.log' ! -name btmp ! -name wtmp | sort
semodule -l
SYSTEMD_BUS_TIMEOUT=150 systemctl list-unit-files --no-legend --plain | awk '$2 != "transient" { print $1, $2 }'`;

const MINUTES = 1.5 * COMPILE_SECONDS * 1000;

export const before: { snapshot: string[] } = { snapshot: [] };

/** The system as it is without the package, to be compared with what a purge leaves. */
async function snapshot({ guest }: Lab): Promise<string[]> {
  return (await guest.sh(SNAPSHOT)).trimEnd().split('\n');
}

export function installTests(lab: Lab): void {
  describe('package', () => {
    it(
      'installs in one apt-get install, and its script makes the host ready',
      async () => {
        before.snapshot = await snapshot(lab);
        const said = await installPackage(lab.guest, lab.deb);
        expect(said).toMatch(/^ {2}done {4}delegation/m);
        expect(said).not.toContain('the host baseline is incomplete');
      },
      MINUTES,
    );

    it('leaves nothing for iso-setup system to do', async () => {
      const { status, stdout } = await lab.guest.shell('iso-setup system --check');
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+ unchanged/m) });
    });

    it('delegates every controller to user managers', async () => {
      const words = (await lab.guest.sh('systemctl show user@1000.service -P DelegateControllers')).trim().split(' ');
      expect(words.sort()).toEqual(['cpu', 'cpuset', 'io', 'memory', 'pids']);
    });

    itComplainsOfNothing(lab);
  });
}

export function purgeTests(lab: Lab): void {
  describe('removal', () => {
    it("takes back a user's ranges, containers and configuration", async () => {
      await lab.guest.logOut('alice');
      await lab.guest.sh('iso-setup remove --purge alice && test ! -e /var/lib/systemd/linger/alice');
      const lines = await lab.guest.sh('grep -h ^alice: /etc/subuid /etc/subgid || true');
      expect(lines).toBe('');
      const { status } = await lab.guest.shell('test -e ~alice/.local/share/containers');
      expect(status).toBe(1);
    });

    it(
      'purged, leaves no file, no subordinate range, no unit, no policy module',
      async () => {
        // Her user manager ends some seconds after her last session.
        await lab.guest.sh(`loginctl terminate-user alice || true
        for try in $(seq 30); do pgrep -u alice >/dev/null || break; sleep 1; done; userdel -r alice 2>&1`);
        await lab.guest.sh('DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq iso-toolkit 2>&1', {
          timeout: COMPILE_SECONDS,
        });
        const after = await snapshot(lab);
        const left = after.filter((line) => !before.snapshot.includes(line));
        const gone = before.snapshot.filter((line) => !after.includes(line));
        expect(before.snapshot.length).toBeGreaterThan(1000);
        expect({ left, gone }).toEqual({ left: [], gone: [] });
      },
      MINUTES,
    );

    itComplainsOfNothing(lab);
  });
}
