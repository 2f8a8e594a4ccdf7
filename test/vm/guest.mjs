// One guest from power on to its removal: a throw-away disk over the image, SSH on loopback, its console in a file.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { progress, StageError } from '../tools/stage.mjs';
import { accelerator } from './accelerator.mjs';
import { ensureImage } from './image.mjs';
import { askMonitor, machine, makeDisks, makePlace } from './machine.mjs';
import { EXT4_PLACE, scenarios } from './scenarios.mjs';
import { sshTo } from './ssh.mjs';

/** A boot takes a minute, and several where the machine below has other work. */
const BOOT_SECONDS = 420;
const OFF_SECONDS = 90;

/** @returns {Promise<number>} a TCP port that nobody listens on */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

const readIfThere = (/** @type {string} */ file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** The power switch of a machine. `keep`: it may outlive this program. */
function powerSwitch(place, command, keep) {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let qemu;
  const isOn = () => qemu !== undefined && qemu.exitCode === null && qemu.signalCode === null;
  const ease = ['-n', '5', ...(keep ? [] : ['setpriv', '--pdeathsig', 'TERM'])];
  return {
    isOn,
    on() {
      const log = openSync(join(place, 'qemu.log'), 'a');
      qemu = spawn('nice', [...ease, ...command], {
        stdio: ['ignore', log, log],
        detached: keep,
      });
      closeSync(log);
    },
    cut: () => qemu?.kill('SIGKILL'),
    /** Waits until the machine has switched itself off, and cuts its power when it does not. */
    async off(/** @type {number} */ seconds) {
      const since = Date.now();
      while (isOn()) {
        if (Date.now() - since > seconds * 1000) qemu?.kill('SIGKILL');
        await sleep(200);
      }
    },
    letGo: () => qemu?.unref(),
  };
}

/** Waits until systemd in the guest has started all that it starts. */
async function waitForBoot(place, power, ssh) {
  const since = Date.now();
  while (Date.now() - since < BOOT_SECONDS * 1000) {
    if (!power.isOn()) throw new StageError(`QEMU ended: ${readIfThere(join(place, 'qemu.log')).trim()}`);
    const { stdout } = await ssh.shell('systemctl is-system-running --wait', { timeout: 120 });
    // Degraded is up too; whoever asks for failed units will see them.
    if (/^(running|degraded)$/.test(stdout.trim())) return;
    await sleep(1000);
  }
  throw new StageError(`the guest was not up after ${BOOT_SECONDS} s`);
}

/**
 * Boots a guest of the named scenario from a disk of its own.
 * @param {string} name
 * @param {{ keep?: boolean }} [options] `keep`: it may outlive this program
 */
export async function bootGuest(name, { keep = false } = {}) {
  const scenario = scenarios[name];
  if (!scenario) throw new StageError(`unknown scenario "${name}"`, `one of ${Object.keys(scenarios).join(', ')}`);
  const image = ensureImage(scenario.suite);
  const emulator = await accelerator(image);
  const place = makePlace();
  const port = await freePort();
  makeDisks(place, image, scenario);
  const ssh = sshTo(place, join(image, 'key'), port);
  const power = powerSwitch(place, [...emulator, ...machine(place, image, scenario, port)], keep);

  async function powerOn() {
    power.on();
    await waitForBoot(place, power, ssh);
  }

  /** Nothing of ours is in the guest yet: when it does not come up, it was the emulator, and it gets a second try. */
  async function firstBoot() {
    try {
      await powerOn();
    } catch (error) {
      if (!power.isOn()) throw error;
      const registers = await askMonitor(place, 'info registers -a');
      progress(`guest "${name}" froze before its first login and is started again\n${registers}`);
      power.cut();
      await powerOff(10);
      await powerOn();
    }
  }

  async function powerOff(/** @type {number} */ seconds) {
    await power.off(seconds);
    await ssh.disconnect();
  }

  const guest = {
    name,
    scenario,
    shell: ssh.shell,
    sh: ssh.sh,
    logOut: ssh.logOut,
    copyIn: ssh.copyIn,
    /** Arguments of an interactive ssh. */
    sshArguments: (/** @type {string} */ user) => [...ssh.options, `${user}@127.0.0.1`],
    /** What the kernel and the boot wrote to the serial console so far. */
    console: () => readIfThere(join(place, 'console.log')),
    monitor: (/** @type {string} */ command) => askMonitor(place, command),
    async reboot() {
      await ssh.shell('systemctl reboot', { timeout: 30 });
      await powerOff(OFF_SECONDS);
      await powerOn();
    },
    /** As if the plug was pulled: nothing that the guest had not written to its disk survives. */
    async cutPower() {
      power.cut();
      await powerOff(10);
      await powerOn();
    },
    /** Powers off and deletes the guest, disk included. */
    async remove() {
      if (power.isOn()) await ssh.shell('systemctl poweroff', { timeout: 30 });
      await powerOff(OFF_SECONDS);
      rmSync(place, { recursive: true, force: true });
    },
    /** Lets a guest that was booted with `keep` run on; returns the command that reaches it. */
    letGo() {
      power.letGo();
      return `ssh ${ssh.options.join(' ')} root@127.0.0.1  (files: ${place})`;
    },
  };
  try {
    await firstBoot();
    if (scenario.apparmor) await removeSelinux(guest);
    if (scenario.ext4) await mountExt4(guest);
    return guest;
  } catch (error) {
    const end = guest.console().split('\n').slice(-25).join('\n');
    power.cut();
    await powerOff(10);
    rmSync(place, { recursive: true, force: true });
    throw new StageError(`${error instanceof Error ? error.message : error}\nend of its console:\n${end}`);
  }
}

/** @typedef {Awaited<ReturnType<typeof bootGuest>>} Guest */

async function mountExt4(guest) {
  await guest.sh(`echo 'LABEL=iso-ext4 ${EXT4_PLACE} ext4 defaults 0 2' >>/etc/fstab
    systemctl daemon-reload && mount ${EXT4_PLACE}`);
}

/** A policy that is there is one that the package adds to, enabled or not, and compiling it takes minutes of emulation. */
async function removeSelinux(guest) {
  await guest.sh('DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq selinux-policy-default policycoreutils 2>&1');
}
