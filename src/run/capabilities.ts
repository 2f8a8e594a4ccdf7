/** Capability names to bits (linux/capability.h, capabilities(7)). Pure. */
import { IsoError } from '../lib/errors.js';

/** In the order of their numbers. */
export const CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...['LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER'],
  ...['SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP'],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`);

/** `net_admin`, `CAP_NET_ADMIN` to `CAP_NET_ADMIN`. @throws IsoError usage.invalid */
export function parseCapability(text: string): string {
  const upper = text.toUpperCase();
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (CAPABILITIES.includes(name)) return name;
  throw new IsoError('usage.invalid', `cannot use the capability ${text}`, 'the kernel has none of this name', {
    hint: 'see capabilities(7)',
  });
}

/** The names of the kernel's bits. */
export const capabilityNames = (mask: bigint): string[] => CAPABILITIES.filter((_, bit) => (mask >> BigInt(bit)) & 1n);

/** A set as the kernel's bits. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(CAPABILITIES.indexOf(parseCapability(name)))), 0n);
}
