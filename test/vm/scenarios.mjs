// What the guests differ in: each a kernel command line or a disk of the same image. The longest test run comes first.

/**
 * @typedef {object} Scenario
 * @property {string} suite Debian release
 * @property {string} kernel words of the kernel's command line
 * @property {boolean} [apparmor] a host of AppArmor, which has no SELinux policy installed
 * @property {boolean} [ext4] a second disk, ext4, mounted on EXT4_PLACE
 * @property {string} about what it is for
 */

export const EXT4_PLACE = '/srv';
const QUOTA = 'rootflags=prjquota';
const SELINUX = 'security=selinux selinux=1 enforcing=1';
const APPARMOR = 'security=apparmor';

/** @type {Record<string, Scenario>} */
export const scenarios = {
  selinux: { suite: 'bookworm', kernel: `${QUOTA} ${SELINUX}`, about: 'SELinux enforcing, XFS with project quota' },
  trixie: {
    suite: 'trixie',
    kernel: `${QUOTA} ${SELINUX}`,
    about: 'Debian 13, SELinux enforcing, XFS with project quota',
  },
  apparmor: {
    suite: 'bookworm',
    kernel: `${QUOTA} ${APPARMOR}`,
    apparmor: true,
    ext4: true,
    about: 'AppArmor, XFS with project quota, homes on ext4 without it',
  },
};
