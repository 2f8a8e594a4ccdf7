/** Seccomp profiles in the OCI and Docker JSON formats to filters for libseccomp (runtime-spec, linux.seccomp). Pure. */
import { validateSeccompProfile } from '../generated/validators.js';
import { IsoError } from '../lib/errors.js';
import type { ArgumentTest, Filter, FilterRule } from '../sys/libseccomp.js';
import type { Condition, ProfileArg, ProfileRule, SeccompProfile } from './seccomp-schema.js';

/** What a profile's rules may depend on. */
export interface SeccompContext {
  /** Node's name: x64 or arm64. */
  arch: string;
  capabilities: readonly string[];
  /** The kernel's release, `6.1.0-13-amd64`. */
  kernel: string;
}

const EPERM = 1;
const ENOSYS = 38;
const ACT_ERRNO = 0x0005_0000;
const ACT_ALLOW = 0x7fff_0000;
const ACTIONS: Record<string, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: ACT_ALLOW,
};
const OPS: Record<string, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};
/** AUDIT_ARCH tokens (linux/audit.h) of the architectures that a Debian on amd64 or arm64 can run. */
const TOKENS: Record<string, number> = {
  SCMP_ARCH_X86_64: 0xc000_003e,
  SCMP_ARCH_X86: 0x4000_0003,
  SCMP_ARCH_AARCH64: 0xc000_00b7,
  SCMP_ARCH_ARM: 0x4000_0028,
};
const NATIVE: Record<string, { seccomp: string; docker: string }> = {
  x64: { seccomp: 'SCMP_ARCH_X86_64', docker: 'amd64' },
  arm64: { seccomp: 'SCMP_ARCH_AARCH64', docker: 'arm64' },
};

const refuse = (why: string) => new IsoError('seccomp.invalid', 'cannot use the seccomp profile', why);

function action(name: string, errnoRet: number | undefined): number {
  if (name === 'SCMP_ACT_ERRNO') {
    return ACT_ERRNO + (errnoRet ?? EPERM);
  }
  const number = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (number === undefined) throw refuse(`the action ${name} is not supported`);
  return number;
}

function test(arg: ProfileArg): ArgumentTest {
  const op = Object.hasOwn(OPS, arg.op) ? OPS[arg.op] : undefined;
  if (op === undefined) throw refuse(`the argument test ${arg.op} is not one`);
  // MASKED_EQ: `value` is the mask and `valueTwo` what must remain, as libseccomp's datum_a and datum_b.
  return { arg: arg.index, op, a: BigInt(arg.value), b: BigInt(arg.valueTwo ?? 0) };
}

/** Whether the kernel is of this version or a later one. */
function hasKernel(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.', 2).map((part) => Number.parseInt(part, 10));
  const [least = 0, rest = 0] = wanted.split('.').map(Number);
  return major > least || (major === least && minor >= rest);
}

function applies(rule: ProfileRule, context: SeccompContext, arch: string): boolean {
  const { caps, arches, minKernel }: Condition = rule.includes ?? {};
  if (caps?.some((name) => !context.capabilities.includes(name))) return false;
  if (arches && !arches.includes(arch)) return false;
  if (minKernel && !hasKernel(context.kernel, minKernel)) return false;
  return !isExcluded(rule.excludes ?? {}, context, arch);
}

function isExcluded({ caps, arches, minKernel }: Condition, context: SeccompContext, arch: string): boolean {
  if (caps?.some((name) => context.capabilities.includes(name)) || arches?.includes(arch)) return true;
  return minKernel !== undefined && minKernel !== null && hasKernel(context.kernel, minKernel);
}

function filterRule(rule: ProfileRule): FilterRule {
  const names = rule.names ?? (rule.name === undefined ? [] : [rule.name]);
  if (names.length === 0) throw refuse('a rule names no system call');
  return { names, action: action(rule.action, rule.errnoRet), tests: (rule.args ?? []).map(test) };
}

/** Sub-numbers of socketcall(2), from 1 (linux/net.h). */
const SOCKETCALLS = [
  ...['socket', 'bind', 'connect', 'listen', 'accept', 'getsockname', 'getpeername', 'socketpair', 'send', 'recv'],
  ...['sendto', 'recvfrom', 'shutdown', 'setsockopt', 'getsockopt', 'sendmsg', 'recvmsg', 'accept4', 'recvmmsg'],
  'sendmmsg',
];

/**
 * What 32-bit x86 must not reach through socketcall(2): its arguments lie in memory, where a filter cannot look, so
 * libseccomp drops the argument tests of a rule there and `socket` of some families becomes `socket` of all. ENOSYS sends a
 * C library to the call of its own.
 */
function closeSocketcall(rules: readonly FilterRule[]): FilterRule[] {
  const allowed = (name: string, tested: boolean) =>
    rules.some((rule) => rule.action === ACT_ALLOW && rule.names.includes(name) && rule.tests.length > 0 === tested);
  return SOCKETCALLS.flatMap((name, index) => {
    if (!allowed(name, true) || allowed(name, false)) return [];
    const tests = [{ arg: 0, op: OPS.SCMP_CMP_EQ ?? 0, a: BigInt(index + 1), b: 0n }];
    return [{ names: ['socketcall'], action: ACT_ERRNO + ENOSYS, tests }];
  });
}

function architectures(profile: SeccompProfile, native: string): number[] {
  const mapped = profile.archMap?.find((entry) => entry.architecture === native)?.subArchitectures ?? [];
  const listed = (profile.architectures ?? []).filter((name) => name !== native && sameFamily(native, name));
  return [...new Set([...mapped, ...listed])].flatMap((name) => TOKENS[name] ?? []);
}

function sameFamily(native: string, other: string): boolean {
  return native === 'SCMP_ARCH_X86_64' ? other === 'SCMP_ARCH_X86' : other === 'SCMP_ARCH_ARM';
}

/** Reads a profile's text. @throws IsoError seccomp.invalid */
export function parseProfile(text: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : 'it is not JSON');
  }
  if (validateSeccompProfile(value)) return value as SeccompProfile;
  const first = validateSeccompProfile.errors?.[0];
  throw refuse(`${first?.instancePath.slice(1) || 'it'} ${first?.message ?? 'is not valid'}`);
}

/**
 * The two filters to stack. `main` is loaded first, with its denials logged. `quiet` answers calls that the profile refuses
 * with ENOSYS, such as the clone3 probe of every new thread: the newer filter wins an equal verdict, and it is loaded without
 * the log flag, or each thread would leave an audit record.
 */
export function resolveProfile(profile: SeccompProfile, context: SeccompContext): { main: Filter; quiet: Filter } {
  const native = NATIVE[context.arch];
  if (!native) throw refuse(`this architecture (${context.arch}) is not supported`);
  const rules = (profile.syscalls ?? []).filter((rule) => applies(rule, context, native.docker)).map(filterRule);
  const defaultAction = action(profile.defaultAction, profile.defaultErrnoRet);
  const shared = { architectures: architectures(profile, native.seccomp), badArchAction: ACT_ERRNO + ENOSYS };
  return {
    main: { ...shared, defaultAction, rules },
    quiet: {
      ...shared,
      defaultAction: ACT_ALLOW,
      badArchAction: ACT_ALLOW,
      rules: [...rules.filter((rule) => rule.action === ACT_ERRNO + ENOSYS), ...closeSocketcall(rules)],
    },
  };
}
