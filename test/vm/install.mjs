// Installs the toolkit's package in a guest, as an administrator does: one apt-get.

const QUIET = 'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends';

/** The package adds to the SELinux policy, which an emulated processor compiles for minutes. */
export const COMPILE_SECONDS = 1200;

/**
 * @param {import('./guest.mjs').Guest} guest
 * @param {string} deb
 * @returns {Promise<string>} what apt-get and the package's scripts said
 */
export async function installPackage(guest, deb) {
  await guest.copyIn(deb, '/root/iso-toolkit.deb');
  return guest.sh(`${QUIET} /root/iso-toolkit.deb 2>&1`, { timeout: COMPILE_SECONDS });
}
