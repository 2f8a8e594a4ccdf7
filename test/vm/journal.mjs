// What a guest complained of: warnings in its journal, refusals of its security modules, failed units.
// Everything that is not named here fails the run.

/** @typedef {{ pattern: RegExp, reason: string, only?: string }} Expected `only`: in guests of this Debian release */

/** @type {Expected[]} */
export const EXPECTED = [
  {
    pattern:
      /^kernel: (Unstable clock detected|hrtimer: interrupt took|tsc: |APIC calibration|mtrr: |clocksource: |hpet: Lost|\.\.MP-BIOS bug: 8254 timer)/,
    reason: 'an emulated processor keeps time badly',
  },
  {
    pattern: /^kernel: (rcu: |watchdog: BUG: soft lockup|workqueue: .* hogged CPU)/,
    reason: 'an emulated processor is slow when the machine below has other work',
  },
  {
    pattern:
      /^systemd: (dev-ttyS0\.device: Job .* timed out|Timed out waiting for device dev-ttyS0|Dependency failed for serial-getty@ttyS0)/,
    reason: 'an emulated processor is slow when the machine below has other work',
  },
  {
    pattern: /^systemd-udevd: \S+: Worker \[\d+\] processing SEQNUM=\d+ is taking a long time/,
    reason: 'an emulated processor is slow when the machine below has other work',
  },
  {
    pattern: /^kernel: device-mapper: core: CONFIG_IMA_DISABLE_HTABLE is disabled/,
    reason: "how Debian's kernel is configured",
  },
  {
    pattern: /^systemd-tmpfiles: Failed to fstat\(\/root\/\.ssh\): Permission denied/,
    reason: "Debian's policy does not let systemd-tmpfiles look into root's .ssh",
  },
  {
    pattern: /^sshd(-session)?: pam_systemd\(sshd:session\): Failed to release session: Interrupted system call/,
    reason: 'a test reboots the guest that it is logged in to',
  },
  {
    pattern: /^systemd-journald: File \S+ corrupted or uncleanly shut down, renaming and replacing/,
    reason: 'a test cut the power',
  },
  {
    pattern: /^auditd: Audit daemon is (low on disk space for logging|suspending logging due to low disk space)/,
    reason: 'a test filled the disk',
  },
  {
    pattern: /denied {2}\{ (search|read) \}.* comm="auditd" .* tcontext=unconfined_u:/,
    reason: 'auditd looks who sent it a signal, as a test does that filled the disk',
  },
  {
    pattern: /denied {2}\{ checkpoint_restore \}.* comm="agetty"/,
    reason: "Debian's policy is older than the kernel's capability",
  },
  {
    pattern: /^kernel: overlayfs: failed to set xattr on upper/,
    reason: "Podman tries what the kernel's overlay file systems can do",
  },
  {
    pattern: /^kernel: amd_pstate: the _CPC object is not present/,
    reason: 'the emulated machine has no power management',
  },
  {
    only: 'trixie',
    pattern: /systemd-ssh-generator(: Failed to query local AF_VSOCK CID| failed with exit status 1)/,
    reason: 'the emulated machine has no vsock device',
  },
  {
    only: 'trixie',
    pattern: /^systemd: (systemd-network-generator\.service: Failed|Failed to start systemd-network-generator)/,
    reason: "Debian 13's policy is older than its systemd",
  },
  {
    only: 'trixie',
    pattern: /^failed unit: systemd-network-generator\.service/,
    reason: "Debian 13's policy is older than its systemd",
  },
  {
    only: 'trixie',
    pattern: /^(systemd-network-generator|agetty): failed to open credentials directory/i,
    reason: "Debian 13's policy is older than its systemd",
  },
  {
    only: 'trixie',
    pattern: /^systemd-(tmpfiles|networkd): Failed to (open path|fstat|open cgroup)/,
    reason: "Debian 13's policy is older than its systemd",
  },
  {
    only: 'trixie',
    pattern: /denied .* comm="(systemd-network|agetty)"/,
    reason: "Debian 13's policy is older than its systemd",
  },
];

/** Messages by which the kernel tells of a limit that it enforced: a test that reaches a limit expects them. */
export const LIMIT_REACHED =
  /^kernel: (.*invoked oom-killer|Memory cgroup out of memory|cgroup: fork rejected|oom-kill:)/;
// What surrounds an OOM report: the stack and the tables of memory and tasks.
const OOM_REPORT =
  /^kernel: ( |CPU: |Hardware name: |Call Trace:|RIP: |Code: |RSP: |R[A-Z0-9]{2}: |Tasks |memory: |swap: |Memory cgroup stats|anon |oom_|\[ |<)/;

const READ = `journalctl --output json --quiet --no-pager --priority warning`;
// AppArmor also notes each profile it loads, as an AVC record without a refusal.
const AUDIT = `grep -haE '^type=((AVC|USER_AVC) .*(denied|DENIED)|SELINUX_ERR)' /var/log/audit/audit.log* || true`;

function parseJournal(text) {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .map((entry) => ({
      cursor: entry.__CURSOR,
      // A message that is no text is given as numbers.
      text: `${entry.SYSLOG_IDENTIFIER ?? entry._COMM}: ${Array.isArray(entry.MESSAGE) ? Buffer.from(entry.MESSAGE) : entry.MESSAGE}`,
    }));
}

/** Reads what a guest complained of, each complaint once. @param {import('./guest.mjs').Guest} guest */
export function complaintsOf(guest) {
  const seen = new Set();
  let cursor = '';

  /** Complaints since the last call, the expected ones left out. @returns {Promise<string[]>} */
  async function unexpected() {
    await guest.sh('journalctl --sync');
    const entries = parseJournal(await guest.sh(cursor ? `${READ} --after-cursor '${cursor}'` : READ));
    cursor = entries.at(-1)?.cursor ?? cursor;
    const denials = (await guest.sh(AUDIT)).split('\n').filter((line) => line !== '' && !seen.has(line));
    for (const line of denials) seen.add(line);
    const failed = (await guest.sh('systemctl --failed --plain --no-legend')).split('\n').filter(Boolean);
    const lines = [
      ...entries.map(({ text }) => text),
      ...denials,
      ...failed.map((line) => `failed unit: ${line.trim()}`),
    ];
    const applies = EXPECTED.filter(({ only = guest.scenario.suite }) => only === guest.scenario.suite);
    return lines.filter((line) => !applies.some(({ pattern }) => pattern.test(line)));
  }

  return {
    unexpected,
    /** As above after a test that reached a limit: the kernel's reports of it are given apart. */
    async afterLimit() {
      const all = await unexpected();
      const reports = all.filter((line) => LIMIT_REACHED.test(line));
      const isReport = (line) => reports.length > 0 && (LIMIT_REACHED.test(line) || OOM_REPORT.test(line));
      return { reports, others: all.filter((line) => !isReport(line)) };
    },
  };
}
