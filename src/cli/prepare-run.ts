/** What `run`, `create` and `plan run` have in common: from the command line to a plan, and what is said on the way. */
import { isatty } from 'node:tty';
import { escapeControl } from '../lib/text.js';
import type { RunFlags, RunOptions } from '../run/options.js';
import type { PreparedRun } from '../run/prepare.js';

/** Most runs have no volume of a name and no secret, and need none of this. */
async function placeStored(options: RunOptions): Promise<RunOptions> {
  if (options.secrets.length === 0 && !options.volumes.some(({ named }) => named)) return options;
  const { readOwnIdentity } = await import('../facts/own-identity.js');
  const { placeVolumes } = await import('../run/named-volumes.js');
  const { placeSecrets } = await import('../run/secrets.js');
  const identity = readOwnIdentity();
  const placed = placeSecrets(identity, options);
  return { ...placed, volumes: placeVolumes(identity, placed.volumes) };
}

async function makeVolumes(prepared: PreparedRun): Promise<PreparedRun> {
  const { identity, spec } = prepared;
  if (!spec.volumes.some(({ named }) => named)) return prepared;
  const named = await import('../run/named-volumes.js');
  return { ...prepared, spec: { ...spec, volumes: await named.makeVolumes(identity, spec.volumes) } };
}

/** The plan of a command line, for whoever only looks at it. */
export async function compile(image: string, command: string[], flags: RunFlags, mode?: 'create') {
  const { parseRunOptions } = await import('../run/options.js');
  const { readPolicy } = await import('../policy/read-policy.js');
  const { prepareRun } = await import('../run/prepare.js');
  const { readCallerFile } = await import('../facts/caller-file.js');
  const caller = {
    // Asked for by relative paths alone: the directory may be gone.
    get cwd() {
      return process.cwd();
    },
    env: process.env,
    arch: process.arch,
    readText: readCallerFile,
  };
  const parsed = parseRunOptions(image, command, flags, caller);
  const policy = await readPolicy();
  const options = { ...(await placeStored(parsed)), ...(mode === undefined ? {} : { mode }) };
  return { options, policy, prepared: prepareRun(options, policy) };
}

/** Once all else is known to be right. @throws IsoError permission.denied */
async function replaceNamed({ identity }: PreparedRun, { name }: RunOptions): Promise<void> {
  const { listContainers } = await import('../run/records.js');
  const { removeContainer } = await import('../run/remove-container.js');
  const named = listContainers(identity.home, identity.uid).filter(({ record }) => record.name === name);
  for (const container of named) await removeContainer(identity, container, true);
}

/**
 * For a new container: where there is no room for it, or it is refused, the trail tells. What the host refused beside may be
 * granted to the next run, whose plan is not kept then.
 */
export async function prepare(image: string, command: string[], flags: RunFlags, mode?: 'create') {
  const { recordRefusal } = await import('../run/refusals.js');
  const { requireRoom } = await import('../image/space.js');
  return recordRefusal(image, async () => {
    const { options, policy, prepared } = await compile(image, command, flags, mode);
    requireRoom(prepared.identity, policy.quota.refuse, `cannot create a container of ${prepared.image.name}`);
    const { prepareRun } = await import('../run/prepare.js');
    const { requestLinger } = await import('../run/linger.js');
    const refused = options.mode === 'detached' ? await requestLinger(prepared.identity, policy.linger) : undefined;
    const last = refused === undefined ? prepared : prepareRun(options, policy, refused);
    if (options.replace) await replaceNamed(last, options);
    return { options, prepared: await makeVolumes(last), isKeepable: refused === undefined };
  });
}

/** Scripts want a quiet standard error; the trail holds the warnings in any case. */
export function warn(warnings: readonly string[], quiet = false): void {
  if (quiet || !isatty(2)) return;
  for (const warning of warnings) process.stderr.write(`iso-run: warning: ${escapeControl(warning)}\n`);
}
