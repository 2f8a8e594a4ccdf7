/** Containers that go on without their caller, and the user manager that they live under, which ends with the last login. */
import { describe, expect, it } from 'vitest';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const asAlice = { user: 'alice' };
// It minds SIGTERM, by which systemd ends what a manager runs.
const START = 'iso-run run --detach --name apart base sh -c "trap exit TERM; sleep 600 & wait"';

/** systemd ends a user's manager ten seconds after the last login of one that does not linger. */
const AWAIT_END = `for try in $(seq 20); do
  loginctl show-user alice -P State 2>/dev/null | grep -qx lingering && sleep 15 && exit
  systemctl is-active --quiet "user@$(id -u alice)" || exit 0; sleep 1.5; done`;

async function logOutAndIn({ guest }: Lab): Promise<string> {
  await guest.logOut('alice');
  await guest.sh(AWAIT_END);
  return guest.sh("iso-run ps --format '{{.Names}}'", asAlice);
}

export function lingerTests(lab: Lab): void {
  describe('a container without its caller', () => {
    it('ends with the last login of a user who does not linger, which run says', async () => {
      // Warnings are for terminals.
      const said = await lab.guest.sh(`script --quiet --return --command '${START}' /dev/null`, asAlice);
      expect(said).toMatch(/ends with the last login of alice/);
      expect(await logOutAndIn(lab)).toBe('');
      expect(await lab.guest.sh('iso-run rm apart', asAlice)).toBe('apart\n');
    });

    it('goes on where the policy turns on linger on demand', async () => {
      const policy = `mkdir -p /etc/iso && echo 'linger = "on-demand"' >/etc/iso/policy.toml`;
      await lab.guest.sh(`${policy} && iso-setup user alice`);
      expect(await lab.guest.sh('loginctl show-user alice -P Linger')).toBe('no\n');
      expect(await lab.guest.shell(START, asAlice)).toMatchObject({ status: 0, stderr: '' });
      expect(await lab.guest.sh('loginctl show-user alice -P Linger')).toBe('yes\n');
      expect(await logOutAndIn(lab)).toBe('apart\n');
      await lab.guest.sh('iso-run rm --force apart', asAlice);
      await lab.guest.sh('rm /etc/iso/policy.toml');
    });

    itComplainsOfNothing(lab);
  });
}
