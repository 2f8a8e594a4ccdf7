/** Which system-call filters a container gets, by its options and the policy. Pure. */
import { IsoError } from '../lib/errors.js';
import type { Policy } from '../policy/policy.js';
import type { Filter } from '../sys/libseccomp.js';
import type { Security } from './options/security.js';
import { parseProfile, resolveProfile, type SeccompContext } from './seccomp-profile.js';

/** A filter, and whether the kernel logs what it denies. */
export interface LoggedFilter {
  log: boolean;
  /** The user's. */
  own: boolean;
  filter: Filter;
}

interface Decision {
  filters: LoggedFilter[];
  warning?: string;
}

const ACT_ALLOW = 0x7fff_0000;

/** A filter that stands in the way of seccomp(2) must be the last one. */
function allowsSeccomp({ defaultAction, rules }: Filter): boolean {
  const own = rules.filter(({ names }) => names.includes('seccomp'));
  return own.length === 0 ? defaultAction === ACT_ALLOW : own.every(({ action }) => action === ACT_ALLOW);
}

/** In the order in which they are loaded. */
function filtersOf(text: string, context: SeccompContext, own: boolean): LoggedFilter[] {
  const { main, quiet } = resolveProfile(parseProfile(text), context);
  if (!allowsSeccomp(main)) return [{ log: false, own, filter: main }];
  return [
    { log: true, own, filter: main },
    { log: false, own, filter: quiet },
  ];
}

/** The same, with errors that name the file. */
function ownFilters({ path, text }: { path: string; text: string }, context: SeccompContext): LoggedFilter[] {
  try {
    return filtersOf(text, context, true);
  } catch (error) {
    if (!(error instanceof IsoError)) throw error;
    throw new IsoError(error.code, `cannot use the seccomp profile ${path}`, error.why, { cause: error });
  }
}

/**
 * The toolkit's filters, `text`. A profile of the user's own is loaded on top, so that it can only take away, unless the
 * policy lets it stand alone.
 * @throws IsoError seccomp.invalid, permission.denied
 */
export function decideFilters(
  { seccomp }: Security,
  policy: Policy['run'],
  text: string,
  context: SeccompContext,
): Decision {
  const replaces = policy.seccomp === 'replace';
  if (seccomp === undefined) return { filters: filtersOf(text, context, false) };
  if (seccomp !== 'unconfined') {
    const own = ownFilters(seccomp, context);
    if (!replaces) return { filters: [...filtersOf(text, context, false), ...own] };
    return { filters: own, warning: `the system-call filter is ${seccomp.path} in place of the toolkit's` };
  }
  if (replaces) return { filters: [], warning: 'no system-call filter is in force: --security-opt seccomp=unconfined' };
  throw new IsoError(
    'permission.denied',
    'cannot use --security-opt seccomp=unconfined',
    'the policy keeps the system-call filter on',
    { hint: 'ask the administrator for run.seccomp = "replace" in /etc/iso/policy.toml' },
  );
}
