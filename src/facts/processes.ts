/** What /proc tells about one process, held by descriptor so that a reused pid can never answer for another. */
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { IdMapping } from '../lib/id-mapping.js';
import { cFunction, errnoError } from '../sys/ffi.js';

/** <linux/capability.h>, by number. */
const CAPABILITIES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** A capability mask as in /proc/PID/status to names; bits without a name are `CAP_N`. Pure. */
export function parseCapabilities(hex: string): string[] {
  const mask = BigInt(`0x${hex}`);
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit += 1) {
    if ((mask >> BigInt(bit)) & 1n) names.push(CAPABILITIES[bit] ?? `CAP_${bit}`);
  }
  return names;
}

export interface ProcessStatus {
  /** One letter, see proc_pid_stat(5). */
  state: string;
  /** Real, effective, saved set and file system uid; likewise for groups. */
  uids: number[];
  gids: number[];
  noNewPrivs: number;
  /** 0 off, 1 strict, 2 filter. */
  seccomp: number;
  seccompFilters: number;
  capabilities: Record<'inheritable' | 'permitted' | 'effective' | 'bounding' | 'ambient', string[]>;
}

/** /proc/PID/status (proc_pid_status(5)); fields that the kernel leaves out count as off. Pure. */
export function parseStatus(text: string): ProcessStatus {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    // The first one counts: the name of a process is escaped by the kernel, but never trust a second.
    if (colon > 0 && !fields.has(line.slice(0, colon))) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const numbers = (key: string) => (fields.get(key) ?? '').split(/\s+/).filter(Boolean).map(Number);
  const capabilities = (key: string) => parseCapabilities(fields.get(key) || '0');
  return {
    state: fields.get('State')?.[0] ?? '?',
    uids: numbers('Uid'),
    gids: numbers('Gid'),
    noNewPrivs: numbers('NoNewPrivs')[0] ?? 0,
    seccomp: numbers('Seccomp')[0] ?? 0,
    seccompFilters: numbers('Seccomp_filters')[0] ?? 0,
    capabilities: {
      inheritable: capabilities('CapInh'),
      permitted: capabilities('CapPrm'),
      effective: capabilities('CapEff'),
      bounding: capabilities('CapBnd'),
      ambient: capabilities('CapAmb'),
    },
  };
}

/** Rows of uid_map or gid_map (user_namespaces(7)). Pure. */
export function parseIdMap(text: string): IdMapping[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [containerId = 0, hostId = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      return { containerId, hostId, size };
    });
}

/** A process held by its directory in /proc: reads fail with ESRCH once it has ended, also when its pid is used again. */
export interface HeldProcess {
  pid: number;
  /** Text of a file such as `status` or `task/7/status`. @throws system errors */
  read(file: string): string;
  /** Target of a link such as `ns/net`. @throws system errors */
  link(name: string): string;
  /** Ids of its threads. @throws system errors */
  threads(): number[];
  /** Uid that made its user namespace, as this process sees it. @throws system errors */
  usernsOwner(): number;
  close(): void;
}

// _IO(0xb7, 0x4) of <linux/nsfs.h>.
const NS_GET_OWNER_UID = 0xb704;

function ownerOfUserns(file: string): number {
  const fd = openSync(file, 'r');
  try {
    const ioctl = cFunction('libc.so.6', 'int ioctl(int fd, unsigned long request, void *argument)');
    const uid = Buffer.alloc(4);
    if (ioctl(fd, NS_GET_OWNER_UID, uid) !== 0) throw errnoError('ioctl', file);
    return uid.readUInt32LE();
  } finally {
    closeSync(fd);
  }
}

/** Holds a process. @throws system errors, ENOENT when there is none */
export function holdProcess(pid: number): HeldProcess {
  const fd = openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY);
  const at = (name: string) => `/proc/self/fd/${fd}/${name}`;
  return {
    pid,
    read: (file) => readFileSync(at(file), 'utf8'),
    link: (name) => readlinkSync(at(name)),
    threads: () => readdirSync(at('task')).map(Number),
    usernsOwner: () => ownerOfUserns(at('ns/user')),
    close: () => closeSync(fd),
  };
}

/** Pids of all processes that this one sees. */
function listPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Pids by the pid namespace they run in (`pid:[4026531836]`). */
export type PidsByNamespace = () => ReadonlyMap<string, readonly number[]>;

/** Asks the kernel at the first question only, since most reports have no container to ask about. */
export function lazyPidsByNamespace(): PidsByNamespace {
  let found: ReadonlyMap<string, readonly number[]> | undefined;
  return () => {
    found ??= readPidsByNamespace();
    return found;
  };
}

/** Processes that may not be looked at are left out. */
function readPidsByNamespace(): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of listPids()) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/pid`);
      const pids = found.get(namespace);
      if (pids) pids.push(pid);
      else found.set(namespace, [pid]);
    } catch {
      // Ended meanwhile, or another user's: in neither case one of the containers looked at.
    }
  }
  return found;
}

/** Inode of the namespace that a process of the host is in, or undefined where it may not be read. */
export function hostNamespaces(name: string): string[] {
  return ['self', '1'].flatMap((pid) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${name}`)];
    } catch {
      return [];
    }
  });
}

/** True when the directory in /proc still exists, that is the process was not reaped. */
export function isHeld(process: HeldProcess): boolean {
  try {
    return !['Z', 'X'].includes(parseStatus(process.read('status')).state);
  } catch {
    return false;
  }
}
