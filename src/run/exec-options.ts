/** The options of `iso-run exec` as typed text to values. Pure. */
import { IsoError } from '../lib/errors.js';
import { parseEnv, parseEnvFile } from './options/environment.js';
import { parseWorkdir } from './options/names.js';
import { refuse } from './options/refuse.js';
import type { Caller } from './options.js';

/** As commander hands them over. */
export interface ExecFlags {
  interactive?: boolean;
  tty?: boolean;
  env?: string[];
  envFile?: string[];
  workdir?: string;
  user?: string;
  detach?: boolean;
  latest?: boolean;
  privileged?: boolean;
  direct?: boolean;
}

export interface ExecOptions {
  interactive: boolean;
  tty: boolean;
  /** `NAME=value`, later ones win. */
  env: string[];
  workdir?: string;
  user?: string;
  /** Nobody waits for the command, and its output goes nowhere. */
  detach: boolean;
  direct: boolean;
}

const MAX_VARIABLES = 1000;

/** @throws IsoError usage.invalid */
export function parseExecOptions(flags: ExecFlags, { env, readText }: Pick<Caller, 'env' | 'readText'>): ExecOptions {
  if (flags.privileged) {
    throw new IsoError(
      'usage.invalid',
      'cannot use --privileged',
      'no process of a container has more than its payload',
    );
  }
  const variables = [
    ...(flags.envFile ?? []).flatMap((path) => parseEnvFile(path, readText(path), env)),
    ...(flags.env ?? []).flatMap((text) => parseEnv(text, env) ?? []),
  ];
  if (variables.length > MAX_VARIABLES) throw refuse('these options', `at most ${MAX_VARIABLES} variables`);
  return {
    // Nobody would type.
    interactive: (flags.interactive ?? false) && !flags.detach,
    tty: flags.tty ?? false,
    env: variables,
    detach: flags.detach ?? false,
    direct: flags.direct ?? false,
    ...(flags.workdir === undefined ? {} : { workdir: parseWorkdir(flags.workdir) }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
  };
}
