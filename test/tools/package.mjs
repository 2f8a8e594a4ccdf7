// Tests the Debian package: built twice alike, accepted by lintian, and in clean systems of each suite installed, used
// on Debian's own Node, removed, and purged without a trace.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDeb } from './deb.mjs';
import { makeRoot } from './debian-root.mjs';
import { testConditions } from './package-conditions.mjs';
import { prepare } from './prepare.mjs';
import { main, output, printTimes, root, run, StageError, say, stage, storeResult } from './stage.mjs';

const SUITES = ['bookworm', 'trixie'];
const COMMANDS = ['iso-setup', 'iso-run', 'iso-audit'];
const counts = { passed: 0, failed: 0, skipped: 0 };

/** One test: its promise as a name, and work that throws when the promise is broken. */
async function test(name, work) {
  try {
    await work();
    counts.passed++;
    say(`ok      ${name}`);
  } catch (error) {
    counts.failed++;
    say(`FAILED  ${name}\n        ${String(error.message ?? error).replaceAll('\n', '\n        ')}`);
  }
}

function expect(condition, message) {
  if (!condition) throw new StageError(message);
}

const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** npm names of the libraries whose code is in the package, from the list that it carries. */
function bundledLibraries(deb) {
  const place = mkdtempSync('/tmp/iso-toolkit-deb.');
  try {
    run('dpkg-deb', ['--extract', deb, place]);
    const list = join(place, 'usr/share/doc/iso-toolkit/bundled-libraries.json');
    return JSON.parse(readFileSync(list, 'utf8')).map(({ name }) => name);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** A source of subordinate ids that any libsubid loads, since it calls nothing of it. */
function makeSource() {
  const place = mkdtempSync('/tmp/iso-toolkit-source.');
  const file = join(place, 'libsubid_isotest.so');
  run('cc', ['-shared', '-fPIC', '-o', file, join(root, 'test/integration/setup/subid-source.c')]);
  return { file, remove: () => rmSync(place, { recursive: true }) };
}

/** The same package under an older version, for upgrades. */
function makeOlder(deb) {
  const place = mkdtempSync('/tmp/iso-toolkit-deb.');
  const control = join(place, 'tree/DEBIAN/control');
  run('dpkg-deb', ['--raw-extract', deb, join(place, 'tree')]);
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, 'Version: 0.0.1'));
  run('dpkg-deb', ['--build', join(place, 'tree'), join(place, 'older.pkg')], { quiet: true });
  return { file: join(place, 'older.pkg'), remove: () => rmSync(place, { recursive: true }) };
}

async function testBuild(deb) {
  await test('two builds give the same package', () => {
    const again = buildDeb('again');
    expect(digest(deb) === digest(again), `${deb} and ${again} differ`);
  });
  await test('lintian finds no error and no warning', () => {
    const { stdout, status } = run('lintian', ['--allow-root', '--fail-on', 'error,warning', '--', deb], {
      capture: true,
      accept: [0, 2],
    });
    expect(status === 0, stdout);
  });
  await test('debian/copyright names every bundled library', () => {
    const copyright = readFileSync(join(root, 'debian/copyright'), 'utf8');
    const bundled = bundledLibraries(deb);
    expect(bundled.includes('commander'), 'commander is not in the list of bundled libraries');
    const unnamed = bundled.filter((name) => !copyright.includes(` node_modules/${name}/*`));
    expect(unnamed.length === 0, `not named: ${unnamed.join(', ')}`);
  });
}

// Every file but those that package tools keep for themselves; contents of configuration count too.
const SNAPSHOT = `
find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/cache -o -path /var/lib/apt \\
  -o -path /var/lib/dpkg -o -path '/var/log/apt' -o -path /var/log/dpkg.log -o -path /var/log/alternatives.log \\
  -o -path '/etc/*-' -o -path /etc/.pwd.lock -o -path /run -o -name '*.pyc' \\) -prune -o -print | sort
find /etc -type f ! -name '*-' ! -name .pwd.lock -exec sha256sum {} + | sort`;

const SATISFY =
  'apt-get satisfy -y -qq --no-install-recommends "$(dpkg-deb --field /tmp/*.deb Depends), busybox-static, apparmor, auditd" >/tmp/out 2>&1 || { cat /tmp/out; exit 1; }';
const INSTALL = 'apt-get install -y -qq --no-install-recommends /tmp/*.deb >/tmp/out 2>&1 || { cat /tmp/out; exit 1; }';
const asUser = (name) => `runuser -u ${name} -- env -i HOME=/home/${name} USER=${name} PATH=/usr/bin:/bin`;

const USE = `
for command in ${COMMANDS.join(' ')}; do $command --version; done
(. /usr/share/bash-completion/completions/iso-setup; COMP_WORDS=(iso-setup user --di); COMP_CWORD=2
_iso_setup; test "\${COMPREPLY[*]}" = --diff)
useradd -m carol
iso-setup user carol >/dev/null
cd /home/carol
${asUser('carol')} iso-run image bootstrap base >/dev/null
${asUser('carol')} iso-run run --rm base sh -c 'echo "inside: $(id -u) $(hostname)"'`;

// What another source gives through libsubid, as iso-setup, newuidmap and so the kernel see it.
const SOURCE = `
library=/usr/lib/$(uname -m)-linux-gnu/libsubid_isotest.so; cp /tmp/libsubid_isotest.so $library
cp /etc/nsswitch.conf /tmp/nsswitch; echo 'subid: isotest' >>/etc/nsswitch.conf
useradd -m -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 alice; basename /usr/lib/*/libsubid.so.?
iso-setup user alice | grep 'managed by'; cd /home/alice
${asUser('alice')} iso-run image bootstrap base >/dev/null
${asUser('alice')} iso-run run --rm base sh -c 'touch /file && chown 5:5 /file && echo inside: $(stat -c %u /file)'
iso-setup remove alice --purge >/dev/null; cat /tmp/nsswitch >/etc/nsswitch.conf; rm $library; userdel -r alice 2>/dev/null`;

const LINGER = '/var/lib/systemd/linger';
// As iso-setup notes it where systemd runs, which it does not here.
const lingers = (name) => `sed -i 's/^ "files"/ "linger": true,\\n&/' "/var/lib/iso/users/$(id -u ${name}).json"`;

// What an account tool or a login runs: set up when the policy means the user, and no word or failure otherwise.
const HOOK = `
mkdir -p /etc/iso; printf '[users]\\nhooks = ["useradd", "login", "userdel"]\\n' >/etc/iso/policy.toml
iso-setup system >/dev/null
useradd -m dora; test -s "/var/lib/iso/users/$(id -u dora).json"; grep -q ^dora: /etc/subuid
useradd -r daemon2; test ! -e "/var/lib/iso/users/$(id -u daemon2).json"
grep -c user-hook /etc/pam.d/common-session /etc/pam.d/common-session-noninteractive || true
rm "/var/lib/iso/users/$(id -u dora).json"; runuser -u dora -- true; env PAM_TYPE=open_session PAM_USER=dora /usr/lib/iso-toolkit/user-hook login
test -s "/var/lib/iso/users/$(id -u dora).json"
for name in hal ian; do useradd -m -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 $name; grep -q "$name:" /var/lib/iso/ranges.json; done
mkdir -p ${LINGER}; touch ${LINGER}/ian ${LINGER}/dora; ${lingers('ian')}
userdel -r hal 2>/dev/null; userdel ian; rm -r /home/ian
test "$(ls ${LINGER})" = dora; rm ${LINGER}/dora; rmdir -p --ignore-fail-on-non-empty ${LINGER}
test "$(grep -cE '^(hal|ian):' /etc/subuid)" = 0; test "$(grep -cE '"(hal|ian):' /var/lib/iso/ranges.json)" = 2
iso-setup remove ian >/dev/null; test "$(grep -cE '"ian:' /var/lib/iso/ranges.json)" = 0
mv /usr/bin/node /usr/bin/node.off; useradd -m eve; mv /usr/bin/node.off /usr/bin/node
echo '[[' >/etc/iso/policy.toml; useradd -m fay; env PAM_TYPE=open_session PAM_USER=fay /usr/lib/iso-toolkit/user-hook login
rm /etc/iso/policy.toml; iso-setup system >/dev/null; test -z "$(find /etc/shadow-maint -type f)"
grep -c user-hook /etc/pam.d/common-session || true
for name in dora eve fay; do userdel -r $name 2>/dev/null; done; userdel daemon2; sed -i /^dora:/d /etc/subuid /etc/subgid`;

// A profile that does not parse would keep all others from being loaded.
const APPARMOR = `
sed 's|{{launcher}}|/usr/lib/iso-toolkit/iso-{launch,keeper,session}|' /usr/lib/iso-toolkit/templates/system/apparmor.hbs >/tmp/profile
if test -e /etc/apparmor.d/abi/4.0; then apparmor_parser -Q -K /tmp/profile && echo parsed; else echo too old; fi`;

async function testSuite(suite, deb) {
  const older = makeOlder(deb);
  const source = makeSource();
  const clean = makeRoot(suite, [deb, older.file, source.file]);
  try {
    await test(`${suite}: has what the package depends on`, () => clean.sh(`apt-get update -qq; ${SATISFY}`));
    const node = clean.sh('node --version; dpkg -S /usr/bin/node').stdout.trim().replace('\n', ', ');
    // Dependencies alone: whatever is there beyond them at the end, our package left.
    const before = clean.sh(SNAPSHOT).stdout;
    await testConditions({ suite, place: clean.place, deb, test, expect });
    await test(`${suite}: installs, and upgrades from an older version`, () => {
      clean.sh('dpkg --install /tmp/older.pkg');
      clean.sh(INSTALL);
      const { stdout } = clean.sh('dpkg-query --show iso-toolkit; iso-setup system --check | tail -n 1');
      expect(/^iso-toolkit\t(?!0\.0\.1)/.test(stdout) && !/todo|drift/.test(stdout), stdout);
    });
    await test(`${suite}: provisions a user who runs a container, on Debian's Node (${node})`, () => {
      const { stdout } = clean.sh(USE);
      expect(COMMANDS.every((command) => stdout.includes(`${command} `)) && /inside: 0 /.test(stdout), stdout);
    });
    // That of Debian 12 is tested where libsubid-dev is.
    if (suite === 'trixie') {
      await test(`${suite}: takes ranges from another source by libsubid5`, () => {
        const { stdout } = clean.sh(SOURCE);
        const said = ['libsubid.so.5', '1000079360:65536; ranges managed by isotest', 'inside: 5'];
        expect(
          said.every((one) => stdout.includes(one)),
          stdout,
        );
      });
    }
    await test(`${suite}: follows useradd, logins and userdel, and fails none of them`, () => {
      const { stdout } = clean.sh(HOOK);
      const counts = stdout.trim().split('\n').slice(-3);
      expect(/common-session:1$/.test(counts[0]) && /noninteractive:0$/.test(counts[1]) && counts[2] === '0', stdout);
    });
    await test(`${suite}: has an AppArmor profile that its parser takes, or none`, () => {
      expect(clean.sh(APPARMOR).stdout.trim() === (suite === 'bookworm' ? 'too old' : 'parsed'), 'it does not parse');
      clean.sh('test -f /etc/audit/rules.d/60-iso-toolkit.rules');
    });
    await test(`${suite}: installs over itself`, () => clean.sh('apt-get install -y -qq --reinstall /tmp/*.deb'));
    await test(`${suite}: removed, keeps what the administrator declared`, () => {
      clean.sh('mkdir -p /etc/iso && echo "# kept" >/etc/iso/policy.toml && apt-get remove -y -qq iso-toolkit');
      clean.sh('test -f /etc/iso/policy.toml && test ! -e /usr/bin/iso-run');
    });
    await test(`${suite}: purged, leaves nothing behind`, () => {
      clean.sh(`mkdir -p ${LINGER}; touch ${LINGER}/carol; ${lingers('carol')}`);
      clean.sh('apt-get purge -y -qq iso-toolkit; userdel -r carol 2>/dev/null');
      clean.sh(`rmdir -p --ignore-fail-on-non-empty ${LINGER}`);
      const after = clean.sh(SNAPSHOT).stdout.split('\n');
      const known = new Set(before.split('\n'));
      const now = new Set(after);
      const left = after.filter((line) => !known.has(line));
      const gone = [...known].filter((line) => !now.has(line));
      expect(
        left.length + gone.length === 0,
        [...left.map((l) => `left: ${l}`), ...gone.map((l) => `gone: ${l}`)].join('\n'),
      );
    });
  } finally {
    clean.remove();
    older.remove();
    source.remove();
  }
}

await main(async () => {
  if (process.getuid() !== 0)
    throw new StageError(
      'the package test installs into systems of its own, which needs root',
      'sudo node test/tools/package.mjs',
    );
  await stage('prepare', () => prepare(['build', 'package', 'lint']));
  let deb;
  await stage('build', async () => {
    await test('dpkg-buildpackage gives a package', () => {
      deb = buildDeb();
    });
    if (deb) await testBuild(deb);
  });
  if (deb) say(output('dpkg-deb', ['--info', deb]).split('\n').slice(1, 2).join());
  for (const suite of deb ? SUITES : []) await stage(suite, () => testSuite(suite, deb));
  storeResult('package', counts);
  printTimes();
  say(`\npackage: ${counts.passed} passed, ${counts.failed} failed`);
  if (counts.failed > 0) process.exitCode = 1;
});
