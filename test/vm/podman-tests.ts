/** Debian's own Podman, run by the provisioned user, reads what iso-setup deployed and lives by it. */
import { describe, expect, it } from 'vitest';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const TREE = '/home/alice/.local/share/containers';

// BusyBox alone, as a tar archive that Podman takes for an image.
const IMPORT = `set -e; root=$(mktemp -d); mkdir $root/bin $root/proc $root/sys $root/dev $root/tmp $root/run $root/etc
  cp /bin/busybox $root/bin/; for name in sh cat ls id dd grep df tail; do ln -s busybox $root/bin/$name; done
  tar -C $root -c . | podman import --quiet - busybox:test >/dev/null; rm -r $root`;

const INSIDE = `ls /sys/class/net; id -u; cat /proc/self/uid_map; grep -E '^(CapEff|Seccomp):' /proc/self/status
  cat /sys/fs/cgroup/pids.max; grep ' / / ' /proc/self/mountinfo`;

/** Whether files have SELinux labels, which only the kernel's overlayfs can show. */
const isLabelled = ({ guest }: Lab) => !guest.scenario.apparmor;

const words = (line: string | undefined) => line?.trim().split(/\s+/) ?? [];

export function podmanTests(lab: Lab): void {
  const podman = (command: string) => lab.guest.sh(command, { user: 'alice' });

  describe('Podman', () => {
    it("keeps images and containers in the user's tree, by fuse-overlayfs where files have no SELinux label", async () => {
      const { store, host } = JSON.parse(await podman('podman info --format json'));
      expect(store).toMatchObject({
        configFile: '/home/alice/.config/containers/storage.conf',
        graphDriverName: 'overlay',
        graphRoot: `${TREE}/storage`,
        runRoot: `${TREE}/run/storage`,
        graphOptions: isLabelled(lab)
          ? { 'overlay.mountopt': 'nodev' }
          : { 'overlay.mount_program': expect.objectContaining({ Executable: '/usr/bin/fuse-overlayfs' }) },
      });
      expect(host.security).toMatchObject({
        rootless: true,
        seccompProfilePath: '/home/alice/.config/containers/seccomp.json',
      });
    });

    it('runs a container with no network but loopback, few capabilities, a filter and a bound on tasks', async () => {
      await podman(IMPORT);
      const said = await podman(`podman run --rm busybox:test sh -c "${INSIDE}"`);
      const lines = said.trimEnd().split('\n');
      expect(lines.slice(0, 2)).toEqual(['lo', '0']);
      expect(words(lines[2])).toEqual(['0', '1000', '1']);
      expect(words(lines[3])).toEqual(['1', expect.stringMatching(/^\d{6,}$/), '65536']);
      expect(lines.slice(4, 7)).toEqual(['CapEff:\t00000000000005fb', 'Seccomp:\t2', '2048']);
      expect(lines[7]).toMatch(isLabelled(lab) ? / - overlay / : / fuse\.fuse-overlayfs /);
    });

    it("leaves the login's SELinux label to it, and the files of the tree as restorecon(8) wants them", async () => {
      if (!isLabelled(lab)) return expect((await lab.guest.shell('test -e /sys/fs/selinux/enforce')).status).toBe(1);
      // The kernel ends a context with a NUL.
      const label = await podman('podman run --rm busybox:test cat /proc/self/attr/current');
      expect(label).toMatch(/^unconfined_u:unconfined_r:unconfined_t:s0-s0:c0\.c1023\0?$/);
      // Debian 13 has a type of its own for Podman's layers, which Podman gives to files of labelled containers alone.
      const unlike = `restorecon -Rnv ${TREE} | grep -v ' to .*:container_ro_file_t:'`;
      expect(await lab.guest.sh(`${unlike} || test $? = 1`)).toBe('');
    });

    it("counts a container's files towards the quota of the tree, whose size is the size that it sees", async () => {
      // What a container says on standard error is an error in its journal.
      await podman(
        'podman run --name kept busybox:test sh -c "dd if=/dev/zero of=/written bs=1M count=24 2>/dev/null"',
      );
      const [file] = (await lab.guest.sh(`find ${TREE} -name written -size 24M`)).trim().split('\n');
      const [project] = words(await lab.guest.sh(`lsattr -pd ${TREE}/storage`));
      expect(Number(project)).toBeGreaterThan(0);
      expect(words(await lab.guest.sh(`lsattr -p ${file}`))[0]).toBe(project);
      const used = words(await lab.guest.sh(`xfs_quota -x -c 'quota -p -N -b ${project}' /`));
      expect(Number(used[1])).toBeGreaterThan(24 * 1024);
      const size = await podman('podman run --rm busybox:test sh -c "df -k / | tail -n 1"');
      expect(Number(words(size)[1])).toBe(10 * 2 ** 20);
    });

    it('refuses a short name instead of asking whatever registry', async () => {
      const { status, stderr } = await lab.guest.shell('podman pull --quiet busybox:other', { user: 'alice' });
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/short-name .* did not resolve|no unqualified-search registries/);
    });

    it('leaves nothing running and nothing foreign when it is reset', async () => {
      await podman('podman system reset --force && podman system migrate');
      expect(await lab.guest.sh(`find ${TREE} ! -uid 1000`)).toBe('');
    });

    it('takes the images of iso-run with it, which lie in its storage', async () => {
      expect((await lab.guest.shell('iso-run run --rm base true', { user: 'alice' })).stderr).toMatch(/image\.missing/);
      await lab.guest.sh('iso-run image bootstrap base && iso-run run --rm base true', { user: 'alice' });
    });

    itComplainsOfNothing(lab);
  });
}
