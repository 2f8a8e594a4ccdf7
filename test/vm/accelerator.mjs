// Whether guests may use KVM. A /dev/kvm that opens proves nothing: on some nested hosts the guest hangs, so one is started.
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from '../tools/stage.mjs';
import { ensureEmulator } from './emulator.mjs';
import { cacheDir } from './image.mjs';

/**
 * Both processors in one thread of the emulator: two guests at a time keep two cores as busy as one guest with two threads
 * would, for less. An old processor: of all that "max" has, a quarter of each boot goes into saving wide registers.
 */
const EMULATED = ['-accel', 'tcg,thread=single', '-cpu', 'Nehalem'];
const KVM = ['-accel', 'kvm', '-cpu', 'host'];
const HOST_QEMU = 'qemu-system-x86_64';
const PROBE_SECONDS = 15;

/** Starts the image's kernel without a disk and waits until it runs its first process. */
function kernelComesUp(image) {
  const append = 'console=ttyS0 panic=-1';
  const boot = ['-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd.img'), '-append', append];
  const machine = [
    ...KVM,
    '-machine',
    'q35',
    '-m',
    '512',
    '-nographic',
    '-nodefaults',
    '-serial',
    'stdio',
    '-no-reboot',
  ];
  return new Promise((resolve) => {
    const probe = spawn(HOST_QEMU, [...machine, ...boot], { stdio: ['ignore', 'pipe', 'ignore'] });
    const timer = setTimeout(() => probe.kill('SIGKILL'), PROBE_SECONDS * 1000);
    let text = '';
    let works = false;
    probe.stdout.on('data', (chunk) => {
      text += chunk;
      works ||= text.includes('Run /init as init process');
      if (works) probe.kill('SIGKILL');
    });
    probe.on('error', () => resolve(false));
    probe.on('close', () => {
      clearTimeout(timer);
      resolve(works);
    });
  });
}

function canOpen(path) {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether guests may use KVM here. ISO_VM_ACCEL=kvm or =tcg decides without a probe. */
async function kvmWorks(image) {
  const wanted = process.env.ISO_VM_ACCEL;
  if (wanted) return wanted === 'kvm';
  if (!canOpen('/dev/kvm')) return false;
  // The answer holds for this boot of this machine.
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const answer = join(cacheDir, 'kvm');
  const known = existsSync(answer) ? readFileSync(answer, 'utf8').split(' ') : [];
  if (known[0] === boot) return known[1] === 'works';
  const works = await kernelComesUp(image);
  progress(works ? 'KVM works here' : '/dev/kvm exists, but a guest on it does not come up: emulating');
  writeFileSync(answer, `${boot} ${works ? 'works' : 'hangs'}`);
  return works;
}

/**
 * QEMU, with the options for the fastest processor that works here.
 * @param {string} image
 * @returns {Promise<string[]>}
 */
export async function accelerator(image) {
  return (await kvmWorks(image)) ? [HOST_QEMU, ...KVM] : [...ensureEmulator(), ...EMULATED];
}
