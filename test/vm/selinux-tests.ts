/** SELinux holds where file modes would not: labels of users and containers, and what a container is denied by them. */
import { describe, expect, it } from 'vitest';
import { itComplainsOfNothing, type Lab } from './use-guest.js';

const asAlice = { user: 'alice' };
const OPEN = '/home/bob/.local/share/containers/storage';

/** Provisions bob, and opens his container tree to everybody as far as modes can. */
const MAKE_BOB = `useradd -m -s /bin/bash bob && iso-setup user bob >/dev/null
  echo secret >${OPEN}/file && chmod 0666 ${OPEN}/file && chown bob:bob ${OPEN}/file
  chmod 0777 /home/bob /home/bob/.local /home/bob/.local/share /home/bob/.local/share/containers ${OPEN}`;

/** Perl and its libraries, for what BusyBox cannot do: files of the tree's owner, for all of her containers. */
const TAKE_PERL = "mkdir -p perl && cp /usr/bin/perl $(ldd /usr/bin/perl | grep -o '/[^ ]*') perl/";
// FS_IOC_FSGETXATTR, and FS_IOC_FSSETXATTR with what the first read: the kernel has nothing against that.
const REWRITE_PROJECT = `foreach ("/perl/own", "/own", "/perl") {
  -d or open(my $new, ">", $_); sysopen(my $file, $_, 0) or die; my $project = "\\0" x 28;
  print ioctl($file, 0x801c581f, $project) ? "read" : $!, ", ", ioctl($file, 0x401c5820, $project) ? "set" : $!, "\\n" }`;

/** Mapped to confined users of the policy, the second with all categories. What semanage(8) would write. */
const MAKE_CONFINED = `sed -i -e '1i dave:user_u:s0' -e '1i erin:staff_u:s0-s0:c0.c1023' /etc/selinux/default/seusers
  for name in dave erin; do useradd -m -s /bin/bash $name; done; chcon -R -u user_u ~dave; chcon -R -u staff_u ~erin
  iso-setup user dave erin >/dev/null`;

const categories = (text: string) => [...text.matchAll(/c\d+/g)].map(([one]) => one);

/** Refusals since the last look, all of them by SELinux; anything else fails. */
async function denials({ complaints }: Lab): Promise<string[]> {
  const lines = await complaints.unexpected();
  for (const line of lines)
    expect(line).toMatch(/avc: {2}denied .* scontext=unconfined_u:unconfined_r:container_t:s0:c/);
  return lines;
}

/** Expects the refusal of a directory; Debian 13's policy tells of none (dontaudit), since the type is one of mount points. */
async function expectDirectoryRefused(lab: Lab, told: RegExp): Promise<void> {
  const text = (await denials(lab)).join('\n');
  if (lab.guest.scenario.suite === 'trixie') expect(text).toBe('');
  else expect(text).toMatch(told);
}

export function selinuxTests(lab: Lab): void {
  const sh = (command: string, options?: { user: string }) => lab.guest.sh(command, options);
  const shell = (command: string) => lab.guest.shell(command, asAlice);

  describe('SELinux', () => {
    it('the policy holds the modules of the package, below and above the distribution', async () => {
      const modules = (await sh('semodule --list-modules=full')).split('\n').filter((line) => /\bcil\b/.test(line));
      expect(modules.map((line) => line.split(/\s+/).slice(0, 2).join(' ')).sort()).toEqual([
        '050 container',
        '200 iso_toolkit',
      ]);
    });

    it('each user has the types and a pair of categories that no other has', async () => {
      await sh(MAKE_BOB);
      const labels = async (name: string) =>
        (await sh(`cd ~${name} && stat -c %C .local/share/containers{,/storage,/cache,/tmp,/run} .config/containers`))
          .trim()
          .split('\n');
      const [alice, bob] = [await labels('alice'), await labels('bob')];
      const file = /^system_u:object_r:container_file_t:s0:c\d+,c\d+$/;
      for (const label of alice.slice(0, 4)) expect(label).toMatch(file);
      expect(alice.slice(4)).toEqual([
        'system_u:object_r:container_var_run_t:s0',
        'system_u:object_r:container_conf_t:s0',
      ]);
      expect(new Set(alice.slice(0, 4)).size).toBe(1);
      expect(bob[0]).toMatch(file);
      expect(bob[0]).not.toBe(alice[0]);
    });

    it('restorecon agrees about the types, and leaves the categories', async () => {
      expect(await sh('restorecon -Rnv ~alice/.local/share/containers ~alice/.config/containers')).toBe('');
    });

    it('a container runs in its own label: streams, exit status, programs, terminals (R40)', async () => {
      const inside = 'cat /proc/self/attr/current; echo; cat; echo again >/proc/self/fd/1; echo bad >&2; exit 7';
      const command = `echo given >in; iso-run run -i --rm base sh -c '${inside}' <in >out 2>err; echo $?; cat out err`;
      // The kernel ends a context with a NUL.
      const [status, label, ...rest] = (await sh(command, asAlice)).replaceAll('\0', '').trim().split('\n');
      expect([status, rest]).toEqual(['7', ['given', 'again', 'bad']]);
      expect(label).toMatch(/^unconfined_u:unconfined_r:container_t:s0:c\d+,c\d+-s0:c\d+,c\d+,c\d+,c\d+$/);
      const user = categories((await sh('stat -c %C ~alice/.local/share/containers')).trim());
      expect(categories(label ?? '').slice(0, 2)).toEqual(user);
      const terminal = await sh(`script -qec 'iso-run run -it --rm base tty' /dev/null </dev/null`, asAlice);
      expect(terminal).toContain('/dev/pts/0');
      const again = await sh('iso-run run --rm base cat /proc/self/attr/current', asAlice);
      expect(categories(again)).not.toEqual(categories(label ?? ''));
      expect(await denials(lab)).toEqual([]);
    });

    it("is denied another user's container files, whose modes would allow it", async () => {
      expect(await sh(`cat ${OPEN}/file`, asAlice)).toBe('secret\n');
      const ended = await shell(`iso-run run --rm -v ${OPEN}:/b base sh -c 'cat /b/file; echo x >/b/file'`);
      expect(ended).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('Permission denied') });
      await expectDirectoryRefused(lab, /denied {2}\{ search \}.*tcontext=system_u:object_r:container_file_t/);
    });

    it('is denied files that are no container files, whose modes would allow it, until they are relabelled', async () => {
      await sh('mkdir -p data && echo mine >data/file && chmod 0777 data && chmod 0666 data/file', asAlice);
      const read = (option: string) => shell(`iso-run run --rm -v ~/data:/d${option} base cat /d/file`);
      expect(await read('')).toMatchObject({ status: 1, stdout: '' });
      expect((await denials(lab)).join('\n')).toMatch(/tcontext=unconfined_u:object_r:user_home_t:s0/);
      // The host's configuration, where the distribution's own container_t may not read it.
      if (lab.guest.scenario.suite === 'bookworm') {
        expect(await shell('iso-run run --rm -v /etc:/e base cat /e/passwd')).toMatchObject({ status: 1, stdout: '' });
        expect((await denials(lab)).join('\n')).toMatch(/tcontext=system_u:object_r:etc_t:s0/);
      }
      expect(await read(':z')).toMatchObject({ status: 0, stdout: 'mine\n' });
      // Labelled for all containers of the user: the next one needs no option.
      expect(await read('')).toMatchObject({ status: 0, stdout: 'mine\n' });
      expect(await read(':Z')).toMatchObject({ status: 0, stdout: 'mine\n' });
      // Now for that one container, which is gone.
      expect(await read('')).toMatchObject({ status: 1, stdout: '' });
      await expectDirectoryRefused(lab, /tcontext=unconfined_u:object_r:container_file_t:s0:c/);
    });

    it('cannot take its files out of the quota project of the tree, which needs one ioctl of all that it may', async () => {
      await sh(TAKE_PERL, asAlice);
      const perl = '/perl/ld-linux-x86-64.so.2 --library-path /perl /perl/perl';
      const rewrite = `iso-run run --rm -v ~/perl:/perl:z base ${perl} -e '${REWRITE_PROJECT}'`;
      expect(await sh(rewrite, asAlice)).toBe('read, Permission denied\n'.repeat(3));
      const refusals = await denials(lab);
      // Debian 13's policy tells of no directory.
      expect(refusals.length).toBe(lab.guest.scenario.suite === 'trixie' ? 2 : 3);
      for (const line of refusals) expect(line).toMatch(/denied {2}\{ ioctl \}.* ioctlcmd=0x5820 /);
      await sh('rm -r perl', asAlice);
    });

    it('is refused to confined logins with the reason, before anything is made', async () => {
      await sh(MAKE_CONFINED);
      for (const [user, type, command] of [
        ['dave', 'user_t', 'iso-run image bootstrap base'],
        ['erin', 'staff_t', 'iso-run run --rm base true'],
      ] as const) {
        const ended = await lab.guest.shell(command, { user });
        expect(ended).toMatchObject({ stdout: '', stderr: expect.stringContaining('code: user.refused') });
        expect(ended.stderr).toMatch(new RegExp(`${type}:\\S+ no mounts in a user namespace`));
        await lab.guest.logOut(user);
      }
      expect(await sh('find ~dave/.local/share/containers ~erin/.local/share/containers -type f')).toBe('');
      await sh(`sed -i -e /^dave:/d -e /^erin:/d /etc/selinux/default/seusers
        loginctl terminate-user dave erin
        for name in dave erin; do iso-setup remove --purge $name >/dev/null; userdel -r $name 2>&1; done
        systemctl reset-failed`);
      // What Debian's policy denies its confined logins is none of ours.
      await lab.complaints.unexpected();
    });

    it('is refused where it cannot have a label', async () => {
      const narrow = await shell('runcon -l s0 sh -c "iso-run run --rm base true"');
      expect(narrow).toMatchObject({ status: 125, stderr: expect.stringMatching(/range s0 lacks categories/) });
      const fuse = await shell('iso-run run --rm --storage-driver fuse-overlayfs base true');
      expect(fuse).toMatchObject({ status: 125, stderr: expect.stringMatching(/code: selinux\.unlabelled/) });
      await sh('userdel -r bob 2>&1; rm -rf ~alice/data ~alice/in ~alice/out ~alice/err; iso-setup remove bob || true');
    });

    itComplainsOfNothing(lab);
  });
}

/**
 * Not on Debian 13: its policy denies semodule(8), run from a login, to keep the labels of each file of its store; the home is
 * learned all the same, and auditd loses count of the refusals.
 */
export function homeTests(lab: Lab): void {
  const sh = (command: string) => lab.guest.sh(command);
  describe('SELinux and homes', () => {
    it('the policy learns of homes that are not below /home', async () => {
      const said = await sh('mkdir -p /people && useradd -m -d /people/carl carl && iso-setup user carl');
      expect(said).toMatch(/^ {2}done {4}selinux {4}contexts of \/people\/carl/m);
      expect(await sh('restorecon -Rnv ~carl/.local/share/containers ~carl/.config/containers')).toBe('');
      expect((await lab.guest.shell('iso-setup user --check carl')).status).toBe(0);
      await sh('iso-setup remove --purge carl >/dev/null; userdel -r carl 2>&1; rmdir /people');
    });

    itComplainsOfNothing(lab);
  });
}
