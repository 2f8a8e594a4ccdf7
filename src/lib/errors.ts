/**
 * The one error class of the toolkit and the table that gives every code its exit status and default hint.
 * Texts are made where the fact is known; `cli/main.ts` alone prints them.
 */

/** Exit statuses after sysexits.h(3head); `iso-run` replaces them by 125/126/127 as container runtimes do. */
export const ERROR_CODES = {
  'usage.invalid': { exit: 64, hint: 'run the command with --help to see its options' },
  'policy.invalid': { exit: 65, hint: 'correct /etc/iso/policy.toml or the file named above' },
  'template.invalid': { exit: 65, hint: 'correct the template in /etc/iso/templates or remove it' },
  'subid.corrupt': {
    exit: 65,
    hint: '`iso-setup user --repair --dry-run` shows what would put it right, and changes nothing',
  },
  'subid.overlap': {
    exit: 65,
    hint: '`iso-setup user --repair --dry-run` shows what would put it right, and changes nothing',
  },
  'subid.missing': { exit: 78, hint: undefined },
  'subid.exhausted': { exit: 78, hint: 'raise subids.max in /etc/iso/policy.toml' },
  'rule.invalid': { exit: 65, hint: 'correct the rule file named above' },
  'list.invalid': { exit: 65, hint: 'give a file with one login name a line, or - for standard input' },
  'user.unknown': { exit: 66, hint: 'list users with `getent passwd`' },
  'user.refused': { exit: 77, hint: undefined },
  'user.not-provisioned': { exit: 78, hint: 'ask the administrator to run `iso-setup user NAME`' },
  'home.missing': { exit: 66, hint: 'create the home directory, for example with `mkhomedir_helper NAME`' },
  'home.unsafe': { exit: 77, hint: 'remove or correct the named path as the user, then run iso-setup again' },
  'image.missing': { exit: 66, hint: 'see `iso-run image ls`; make one with `iso-run image bootstrap base`' },
  'image.invalid': { exit: 65, hint: 'give a tar archive of a root file system (.tar, .tar.gz, .tar.xz, .tar.zst)' },
  'image.exists': { exit: 73, hint: 'choose another name or remove it with `iso-run image rm NAME`' },
  'image.in-use': { exit: 75, hint: 'see `iso-run ps -a`; remove the containers first' },
  'archive.missing': { exit: 66, hint: undefined },
  'file.unreadable': { exit: 66, hint: 'give a text file that this user can read' },
  'container.missing': { exit: 66, hint: 'see `iso-run ps -a`' },
  'container.exists': { exit: 73, hint: 'choose another --name' },
  'container.running': { exit: 75, hint: 'end it first, or use --force' },
  'container.state': { exit: 75, hint: 'see `iso-run ps -a`' },
  'container.no-log': {
    exit: 66,
    hint: 'a log is kept of `iso-run run --detach` and of `iso-run start`, unless with --log-driver none',
  },
  'container.stopped': { exit: 75, hint: 'launch it with `iso-run start`' },
  'quota.near': { exit: 73, hint: 'remove containers with `iso-run rm` and images with `iso-run image rm`' },
  'quota.below-use': {
    exit: 65,
    hint: 'give a larger size, or --force: nothing can be written then until files are removed',
  },
  'volume.missing': { exit: 66, hint: 'create the source directory or correct -v' },
  'volume.refused': { exit: 77, hint: 'choose a directory or file that holds data only' },
  'volume.exists': { exit: 73, hint: 'choose another name' },
  'volume.in-use': { exit: 75, hint: 'remove the container first, see `iso-run ps -a`' },
  'volume.invalid': { exit: 65, hint: undefined },
  'device.refused': { exit: 77, hint: 'see `ls -l` of the device' },
  'secret.missing': { exit: 66, hint: 'see `iso-run secret ls`' },
  'secret.exists': { exit: 73, hint: 'remove it first with `iso-run secret rm NAME`' },
  'seccomp.invalid': { exit: 65, hint: 'give a profile in the OCI or Docker JSON format' },
  'controller.missing': {
    exit: 69,
    hint: 'log in through systemd (ssh or a console) on a host with cgroup v2, or leave the limit out',
  },
  'selinux.exhausted': { exit: 78, hint: 'remove users that are gone with `iso-setup remove NAME`' },
  'selinux.unlabelled': { exit: 78, hint: undefined },
  'feature.missing': { exit: 69, hint: undefined },
  'tool.missing': { exit: 69, hint: undefined },
  'tool.failed': { exit: 71, hint: undefined },
  'run.op-failed': { exit: 71, hint: undefined },
  'run.launcher-died': { exit: 71, hint: undefined },
  'run.not-found': { exit: 66, hint: 'check the command name and the PATH inside the image' },
  'run.not-executable': { exit: 77, hint: 'check the mode bits and the interpreter of the command inside the image' },
  'plan.invalid': { exit: 70, hint: 'run the command again; it is compiled anew' },
  'plan.too-large': { exit: 64, hint: 'shorten the command or the environment' },
  'step.failed': { exit: 71, hint: undefined },
  'write.failed': { exit: 73, hint: undefined },
  'lock.held': { exit: 75, hint: 'wait for the named process to end, then try again' },
  'permission.denied': { exit: 77, hint: undefined },
  interrupted: { exit: 75, hint: 'run the command again' },
  'os.failed': { exit: 71, hint: undefined },
  internal: { exit: 70, hint: 'this is a bug of iso-toolkit: please report it with the text above' },
} as const satisfies Record<string, { exit: number; hint: string | undefined }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What `--json` prints and the audit trail stores of an error. */
export interface ErrorRecord {
  code: ErrorCode;
  what: string;
  why: string;
  hint?: string;
}

/** A failure that a person can act on: what failed, why, and the one command or setting that helps. */
export class IsoError extends Error {
  override readonly name = 'IsoError';
  readonly code: ErrorCode;
  /** Verb, object and value: "cannot mount proc on /proc". */
  readonly what: string;
  /** The measured fact or errno text. */
  readonly why: string;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    what: string,
    why: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(`${what}: ${why}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.what = what;
    this.why = why;
    this.hint = options.hint ?? ERROR_CODES[code].hint;
  }

  toJSON(): ErrorRecord {
    return { code: this.code, what: this.what, why: this.why, ...(this.hint === undefined ? {} : { hint: this.hint }) };
  }
}

/** True when a Node system error carries this errno name. */
export function hasErrno(error: unknown, ...names: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && names.includes(String(error.code));
}

/** Any thrown value as an IsoError: ours unchanged, a system error as `os.failed`, anything else as a bug. */
export function asIsoError(error: unknown): IsoError {
  if (error instanceof IsoError) return error;
  if (error instanceof Error && 'syscall' in error) {
    const object = 'path' in error ? ` ${error.path}` : '';
    // Node appends the call and its path to the kernel's words, which are said already.
    const why = error.message.replace(/, \w+( '.*')?$/s, '');
    return new IsoError('os.failed', `cannot ${error.syscall}${object}`, why, { cause: error });
  }
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new IsoError('internal', 'unexpected failure', why, { cause: error });
}
