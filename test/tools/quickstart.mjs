// `npm run quickstart`: from a clone on a fresh Debian to an installed toolkit, a provisioned user, a container with
// proof of its isolation, and the report. Every line below a "$" is the real output of that command.
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildDeb } from './deb.mjs';
import { asRoot, asUser, compareFromOutside, succeeds, succeedsAsUser, USER, withContainer } from './demonstrate.mjs';
import { prepare } from './prepare.mjs';
import { main, printTimes, progress, run, StageError, say, seconds, stage } from './stage.mjs';

const NODE = '/usr/bin/node';
/**
 * Debian's nodejs package, which ours depends on, would overwrite a Node that was put at /usr/bin/node without dpkg's
 * knowledge, and npm with it would stop working. A local diversion keeps it: Debian's lands beside it.
 */
function keepForeignNode() {
  if (!existsSync(NODE) || succeeds('dpkg-query', ['--search', NODE])) return;
  if (run('dpkg-divert', ['--list', NODE], { capture: true }).stdout !== '') return;
  asRoot(['dpkg-divert', '--local', '--no-rename', '--divert', `${NODE}.distrib`, '--add', NODE]);
  say(`Your ${NODE} belongs to no package: Debian's own will be ${NODE}.distrib, and yours stays what it is.`);
}

function installDeb(deb) {
  // apt reads the file as the user _apt, who may not look into the checkout.
  const place = mkdtempSync('/var/tmp/iso-toolkit-deb.');
  const copy = join(place, basename(deb));
  chmodSync(place, 0o755);
  cpSync(deb, copy);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = ['install', '-y', '-qq', '--reinstall', '--allow-downgrades', '--no-install-recommends'];
  say(`\n# apt-get ${apt.join(' ')} ./${basename(deb)} busybox-static`);
  try {
    const { stdout, stderr } = run('apt-get', [...apt, copy, 'busybox-static'], { capture: true, env });
    // dpkg's own progress says little; what our package did to the host is the point.
    const lines = `${stdout}${stderr}`.split('\n');
    const ours = lines.findIndex((line) => line.startsWith('Setting up iso-toolkit'));
    say(lines.slice(Math.max(ours, 0)).filter(Boolean).join('\n'));
  } finally {
    rmSync(place, { recursive: true });
  }
}

function provision() {
  if (!succeeds('getent', ['passwd', USER])) asRoot(['useradd', '--create-home', '--shell', '/bin/bash', USER]);
  asRoot(['iso-setup', 'user', USER]);
  say('\nA second run has nothing to do, and says why:');
  asRoot(['iso-setup', 'user', USER, '--dry-run']);
}

const LOOK_AROUND = `id -u; cat /proc/self/uid_map; ls /sys/class/net; ls -d /proc/[0-9]*
grep -E "Seccomp|NoNewPrivs|CapEff" /proc/self/status`;

/** With the words of Podman. */
function keepOneRunning() {
  // What an interrupted quickstart left.
  succeedsAsUser(['iso-run', 'rm', '--force', 'greeter']);
  say('\nA container that goes on without its caller, a command in it, its log, its end:');
  asUser(['iso-run', 'run', '-d', '--name', 'greeter', 'base', 'sh', '-c', 'echo hello; exec sleep 600']);
  asUser(['iso-run', 'exec', 'greeter', 'ps']);
  asUser(['iso-run', 'logs', 'greeter']);
  asUser(['iso-run', 'stop', '--time', '1', 'greeter']);
  asUser(['iso-run', 'ps', '--all', '--format', '{{.Names}}: {{.Status}}']);
  asUser(['iso-run', 'rm', 'greeter']);
}

async function runContainers() {
  if (!succeedsAsUser(['iso-run', 'image', 'inspect', 'base'])) asUser(['iso-run', 'image', 'bootstrap', 'base']);
  asUser(['iso-run', 'image', 'ls']);
  say('\nInside a container: root of its own ids, no network, few capabilities, filtered system calls:');
  asUser(['iso-run', 'run', '--rm', 'base', 'sh', '-c', LOOK_AROUND]);
  await withContainer(async (pid) => {
    asUser(['iso-run', 'ps']);
    compareFromOutside(pid);
  });
  say('\nWhat a run does can be read before, op by op; the same command gives the same digest:');
  asUser(['sh', '-c', 'iso-run plan run base true | tail -n 4; iso-run plan run base true | tail -n 1']);
}

function showRefusals() {
  say('The container may not mount: it has no such capability, and the filter refuses the call:');
  asUser(['iso-run', 'run', '--rm', 'base', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { accept: [1] });
  say('\nThe store of the toolkit is not to be seen from inside:');
  asUser(['iso-run', 'run', '--rm', '-v', `/home/${USER}/.local/share/containers:/x`, 'base', 'true'], {
    accept: [125],
  });
  say('\nWhat does not exist:');
  asUser(['iso-run', 'run', '--rm', 'no-such-image', 'true'], { accept: [125] });
  asRoot(['iso-setup', 'user', 'root'], { accept: [77] });
}

await main(async () => {
  if (process.getuid() !== 0) {
    throw new StageError('quickstart installs a package and makes a user, which needs root', 'sudo npm run quickstart');
  }
  await stage('1 prepare: Debian packages and npm modules', () => prepare(['build', 'package']));
  const deb = await stage('2 build the Debian package', () => {
    const built = buildDeb();
    say(built);
    return built;
  });
  await stage('3 install it', () => {
    keepForeignNode();
    installDeb(deb);
    asRoot(['iso-setup', '--version']);
  });
  await stage(`4 provision the user ${USER}`, provision);
  await stage('5 run containers as that user', async () => {
    await runContainers();
    keepOneRunning();
  });
  await stage('6 what is refused', showRefusals);
  // Findings are an answer, not a failure: status 2 says that there are some.
  await stage('7 report, while a container runs', () =>
    withContainer(() => asRoot(['iso-audit', 'report'], { accept: [0, 2] })),
  );
  await stage('8 the audit trail', () => asRoot(['iso-audit', 'events', '--limit', '8']));
  printTimes();
  progress(`done in ${seconds()}`);
  say(`
The toolkit is installed. Go on with:   su - ${USER}    and   iso-run run --rm -it base sh
Remove everything:                      apt-get purge iso-toolkit; userdel -r ${USER}`);
  if (existsSync(`${NODE}.distrib`)) {
    say(
      `Debian's Node beside yours:             apt-get purge nodejs; dpkg-divert --local --no-rename --remove ${NODE}`,
    );
  }
});
