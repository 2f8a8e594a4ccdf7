/** A user logs in over SSH, with a real PAM session, and runs containers. */
import { describe, expect, it } from 'vitest';
import { startContainer } from './running-container.js';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const asAlice = { user: 'alice' };

export function loginTests(lab: Lab): void {
  describe('login', () => {
    it("is a session of systemd's with a user manager", async () => {
      const said = await lab.guest.sh('cat /proc/self/cgroup; systemctl --user is-active default.target', asAlice);
      expect(said).toMatch(/^0::\/user\.slice\/user-\d+\.slice\/session-\w+\.scope\nactive\n$/);
    });

    it('bootstraps an image and runs it', async () => {
      await lab.guest.sh('iso-run image bootstrap base', asAlice);
      expect(await lab.guest.sh('iso-run run --rm base id', asAlice)).toBe('uid=0(root) gid=0(root) groups=0(root)\n');
    });

    it('carries streams and the exit status', async () => {
      const command = 'iso-run run --rm -i base sh -c "cat; echo err >&2; exit 7"';
      const ended = await lab.guest.shell(command, { user: 'alice', input: 'given\n' });
      expect(ended).toEqual({ status: 7, stdout: 'given\n', stderr: 'err\n' });
    });

    it('mounts kernel overlays where asked to', async () => {
      const command =
        'iso-run run --rm --storage-driver overlay base sh -c \'echo x >/f && cat /f && grep " / " /proc/mounts\'';
      expect(await lab.guest.sh(command, asAlice)).toMatch(/^x\noverlay \/ overlay /);
    });

    it("is the user's own process to the host: mapped ids, a filter, no new privileges", async () => {
      const container = await startContainer(lab, 'base sleep 600');
      const pid = await container.read('payload/cgroup.procs');
      const status = await lab.guest.sh(`cat /proc/${pid}/status /proc/${pid}/uid_map; id -u alice`);
      const uid = status.trimEnd().split('\n').at(-1);
      expect(status).toMatch(new RegExp(`^Uid:\t${uid}\t${uid}\t${uid}\t${uid}$`, 'm'));
      expect(status).toMatch(new RegExp(`^ +0 +${uid} +1$`, 'm'));
      expect(status).toMatch(/^Seccomp:\t2$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect((await container.end()).status).toBe(137);
    });

    it('lives in the unit of the session, which systemd made, and goes on when the session is killed', async () => {
      const container = await startContainer(lab, 'base sleep 600');
      expect(container.cgroup).toMatch(
        /\/user@\d+\.service\/iso\.slice\/iso-keeper\.service\/iso-\w+\.scope\/container$/,
      );
      await lab.guest.sh('pkill -KILL -x iso-session');
      expect(await lab.guest.sh('iso-run run --rm base echo again; iso-run ps --quiet | wc -l', asAlice)).toBe(
        'again\n1\n',
      );
      expect(await lab.guest.sh('systemctl --user is-active iso-keeper.service', asAlice)).toBe('active\n');
      expect((await container.end()).status).toBe(137);
    });

    it('needs no Node for a run of a shape that was run before', async () => {
      await lab.guest.sh('iso-run run --rm base true; sleep 3; iso-run run --rm base true', asAlice);
      const warm = 'prlimit --as=268435456 iso-run run --rm --name named base echo warm';
      expect(await lab.guest.sh(warm, asAlice)).toBe('warm\n');
    });

    it('leaves no cgroup, mount or container behind', async () => {
      const left =
        'find /sys/fs/cgroup -name "iso-*.scope"; findmnt -t fuse.fuse-overlayfs; pgrep -l "^iso-(monitor|outer|container)|fuse-overlayfs"';
      expect(await lab.guest.sh(`${left} || true`)).toBe('');
      expect(
        await lab.guest.sh('iso-run ps -a --quiet; ls ~/.local/share/containers/storage/iso/containers', asAlice),
      ).toBe('');
    });

    itComplainsOfNothing(lab);
  });
}
