// The virtual machine: its directory, its disks over the image, and QEMU's command line.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { run } from '../tools/stage.mjs';

const EXT4_BYTES = '4G';
const PLACES = '/var/tmp';
const PREFIX = 'iso-vm.';
const UNUSED_MS = 24 * 3600 * 1000;

/** Whether the guest of a directory runs, or may be about to. */
function isInUse(place) {
  const pidFile = join(place, 'pid');
  if (!existsSync(pidFile)) return Date.now() - statSync(place).mtimeMs < UNUSED_MS;
  const pid = readFileSync(pidFile, 'utf8').trim();
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(place);
}

/** A directory for the files of one guest. Those of guests that were killed with their test run are removed. */
export function makePlace() {
  for (const name of readdirSync(PLACES).filter((entry) => entry.startsWith(PREFIX))) {
    if (!isInUse(join(PLACES, name))) rmSync(join(PLACES, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(PLACES, PREFIX));
}

/** Disks of one guest: writes go to files in `place`, the image stays as it is. */
export function makeDisks(place, image, scenario) {
  const base = ['-f', 'qcow2', '-F', 'raw', '-b', join(image, 'disk.raw')];
  run('qemu-img', ['create', '-q', ...base, join(place, 'disk.qcow2')], { quiet: true });
  if (!scenario.ext4) return;
  run('truncate', ['-s', EXT4_BYTES, join(place, 'ext4.raw')]);
  run('mkfs.ext4', ['-q', '-L', 'iso-ext4', join(place, 'ext4.raw')], { quiet: true });
}

// Writes are kept by this machine's page cache, so killing QEMU is a power cut for the guest and no more.
const drive = (file, format) => ['-drive', `file=${file},format=${format},if=virtio,cache=writeback,discard=unmap`];

/**
 * What QEMU's monitor answers: `info registers -a` tells where a guest hangs that answers nobody else.
 * @param {string} place
 * @param {string} command
 * @returns {Promise<string>}
 */
export function askMonitor(place, command) {
  return new Promise((resolve) => {
    const socket = connect(join(place, 'monitor'));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', (error) => resolve(`${text}${error.message}`));
    socket.on('close', () => resolve(text));
    socket.write(`${command}\n`);
    // The monitor marks no end of an answer.
    setTimeout(() => socket.destroy(), 2000);
  });
}

/** QEMU's options but for the processor. A reboot ends QEMU: whoever booted the guest starts it again. */
export function machine(place, image, scenario, port) {
  const network = `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:22`;
  // An emulated processor speculates nothing that would need mitigations, and they cost a seventh of each boot.
  const append = `console=ttyS0 root=/dev/vda rw mitigations=off ${scenario.kernel}`;
  return [
    ...['-machine', 'q35', '-smp', '2', '-m', '2048', '-nodefaults', '-nographic', '-no-reboot'],
    ...['-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd.img'), '-append', append],
    ...drive(join(place, 'disk.qcow2'), 'qcow2'),
    ...(scenario.ext4 ? drive(join(place, 'ext4.raw'), 'raw') : []),
    ...['-netdev', network, '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
    ...['-chardev', `file,id=console,path=${join(place, 'console.log')},append=on`, '-serial', 'chardev:console'],
    ...['-pidfile', join(place, 'pid')],
    ...['-monitor', `unix:${join(place, 'monitor')},server=on,wait=off`],
  ];
}
