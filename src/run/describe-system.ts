/** `iso-run system info`: what this host and this user give to containers, under Podman's names where it has one. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, hostname, release, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { TREE } from '../facts/container-record.js';
import { readCgroupMode } from '../facts/kernel.js';
import type { OwnIdentity } from '../facts/own-identity.js';
import { type RunHostFacts, readRunHost, sessionDirectory } from '../facts/run-host.js';
import { isKnownContext, readLaunchSelinux } from '../facts/selinux.js';
import { readSessionHost } from '../facts/session-host.js';
import { listImages } from '../image/store.js';
import { asIsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import { run } from '../sys/exec.js';
import { describeSession } from './describe-session.js';
import { listVolumes } from './named-volumes.js';
import { listContainers } from './records.js';
import { labelBase } from './selinux.js';
import { chooseDriver } from './spec.js';

/** The first line of what a program says of its version, or why it says nothing. */
async function versionOf(program: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(program, ['--version'], { timeoutMs: 5000 });
    return (stdout || stderr).trim().split('\n')[0] ?? '';
  } catch (error) {
    return asIsoError(error).why;
  }
}

function readFlag(file: string): boolean {
  return existsSync(file) && /^[Y1]/.test(readFileSync(file, 'utf8'));
}

function readDistribution() {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const field = (key: string) => new RegExp(`^${key}="?([^"\\n]*)`, 'm').exec(text)?.[1] ?? '';
  return { distribution: field('ID'), codename: field('VERSION_CODENAME'), version: field('VERSION_ID') };
}

function cgroupOf({ cgroup }: RunHostFacts) {
  const mode = readCgroupMode();
  const { mount, manager, controllers, swap, reason } = cgroup;
  return {
    cgroupVersion: mode.kind === 'measured' && mode.value !== 'legacy' && mode.value !== 'none' ? 'v2' : 'v1',
    cgroupMode: mode.kind === 'measured' ? mode.value : mode.why,
    cgroupManager: manager === undefined ? 'none' : 'systemd',
    cgroupParent: manager === undefined || mount === undefined ? '' : `${mount}${manager}/iso.slice`,
    cgroupControllers: controllers,
    cgroupSwap: swap,
    cgroupReason: reason ?? '',
  };
}

/** Which driver a run gets, by the same decision. */
function driverOf(policy: Policy, host: RunHostFacts, tree: string): string {
  const found = readLaunchSelinux(tree);
  const selinux = found && labelBase(found, isKnownContext);
  try {
    return chooseDriver({}, policy, { host, ...(selinux ? { selinux } : {}) });
  } catch (error) {
    return `none: ${asIsoError(error).why}`;
  }
}

async function storageDrivers({ fuseOverlayfs }: RunHostFacts) {
  const hasOverlay = readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n');
  return {
    fuseOverlayfs: fuseOverlayfs ?? (await versionOf('fuse-overlayfs')),
    overlay: hasOverlay ? `the kernel's, ${release()}` : 'the kernel has not loaded it',
  };
}

function containersOf({ home, uid }: OwnIdentity) {
  const all = listContainers(home, uid);
  const running = all.filter((one) => one.running && !one.paused).length;
  const paused = all.filter((one) => one.paused).length;
  return { number: all.length, paused, running, stopped: all.length - running - paused };
}

async function storeOf(identity: OwnIdentity, policy: Policy, host: RunHostFacts) {
  const tree = join(identity.home, TREE);
  const { blocks, bfree, bsize } = statfsSync(tree);
  return {
    containerStore: containersOf(identity),
    graphDriverName: driverOf(policy, host, tree),
    graphDrivers: await storageDrivers(host),
    graphRoot: identity.store,
    graphRootAllocated: blocks * bsize,
    graphRootUsed: (blocks - bfree) * bsize,
    imageStore: { number: listImages(identity.store).length },
    volumePath: join(identity.store, 'volumes'),
    volumeStore: { number: listVolumes(identity).length },
  };
}

async function sessionOf({ name, uid, home }: OwnIdentity, policy: Policy, { runtimeDir }: RunHostFacts) {
  const facts = await readSessionHost(name, uid);
  const { state, ...texts } = describeSession({ name, onDemand: policy.linger === 'on-demand' }, facts);
  const socket = join(sessionDirectory(home, runtimeDir), 'session');
  return {
    hostState: state,
    session: {
      socket,
      running: facts.keeper !== undefined,
      keeper: facts.keeper ?? 0,
      lingering: facts.lingering,
      ...texts,
    },
    hasSystemd: facts.noSystemd === undefined,
  };
}

function securityOf() {
  return {
    apparmorEnabled: readFlag('/sys/module/apparmor/parameters/enabled'),
    rootless: true,
    seccompEnabled: existsSync('/proc/sys/kernel/seccomp/actions_avail'),
    selinuxEnabled: existsSync('/sys/fs/selinux/enforce'),
    selinuxEnforcing: readFlag('/sys/fs/selinux/enforce'),
  };
}

export async function describeSystem(identity: OwnIdentity, policy: Policy, version: string) {
  const host = readRunHost(identity.uid, availableParallelism());
  const { hasSystemd, ...session } = await sessionOf(identity, policy, host);
  return {
    host: {
      arch: host.arch,
      cpus: host.cpus,
      distribution: readDistribution(),
      hostname: hostname(),
      idMappings: { uidmap: identity.ids.uid, gidmap: identity.ids.gid },
      kernel: release(),
      memFree: freemem(),
      memTotal: totalmem(),
      os: 'linux',
      security: securityOf(),
      uptime: Math.floor(uptime()),
      initPath: host.init ?? '',
      ...session,
      ...cgroupOf(host),
    },
    store: await storeOf(identity, policy, host),
    version: {
      version,
      node: process.version,
      systemd: hasSystemd ? await versionOf('systemctl') : '',
    },
  };
}
