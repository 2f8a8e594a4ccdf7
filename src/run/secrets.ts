/** Secrets in the user's store: one file each, in a directory that is closed to others. */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { OwnIdentity } from '../facts/own-identity.js';
import { prepareStore } from '../image/store.js';
import { withStoreLock } from '../image/store-lock.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { recordEvent } from '../trail/record-event.js';
import { refuse } from './options/refuse.js';
import { SECRETS, type Secret } from './options/secrets.js';
import type { Volume } from './options/volumes.js';
import type { RunOptions } from './options.js';

type Store = Pick<OwnIdentity, 'store'>;

export interface SecretFacts {
  name: string;
  /** RFC 3339. */
  created: string;
}

/** As Podman bounds it. */
const MAX_SECRET_BYTES = 512_000;

const folderOf = ({ store }: Store) => join(store, 'secrets');
export const secretFile = (store: Store, name: string) => join(folderOf(store), name);

function missing(name: string): IsoError {
  return new IsoError('secret.missing', `cannot find the secret ${name}`, 'the store has none of this name');
}

/** @throws IsoError secret.missing */
function readSecret(store: Store, name: string): { created: string; text: string } {
  let fd: number;
  try {
    fd = openSync(secretFile(store, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ELOOP')) throw missing(name);
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_SECRET_BYTES) throw missing(name);
    return { created: stat.mtime.toISOString(), text: readFileSync(fd, 'utf8') };
  } finally {
    closeSync(fd);
  }
}

export function findSecret(store: Store, name: string): SecretFacts {
  return { name, created: readSecret(store, name).created };
}

/** What is no secret, somebody else has put there. */
export function listSecrets(store: Store): SecretFacts[] {
  if (!existsSync(folderOf(store))) return [];
  return readdirSync(folderOf(store))
    .sort()
    .flatMap((name) => {
      try {
        return [findSecret(store, name)];
      } catch (error) {
        if (error instanceof IsoError && error.code === 'secret.missing') return [];
        throw error;
      }
    });
}

function tell(action: 'secret.create' | 'secret.remove', name: string): void {
  const message = `secret ${name} ${action === 'secret.create' ? 'stored' : 'removed'}`;
  recordEvent({
    category: 'lifecycle',
    action,
    outcome: 'success',
    severity: 'info',
    message,
    details: { secret: name },
  });
}

/** @throws IsoError secret.exists */
export async function createSecret(identity: OwnIdentity, name: string, content: Buffer): Promise<void> {
  if (content.length > MAX_SECRET_BYTES)
    throw refuse(`the secret ${name}`, `it has ${content.length} bytes, and ${MAX_SECRET_BYTES} are the most`);
  prepareStore(identity.store);
  await withStoreLock(identity.store, () => {
    if (existsSync(secretFile(identity, name)))
      throw new IsoError('secret.exists', `cannot store the secret ${name}`, 'it exists');
    const fresh = join(identity.store, 'tmp', `secret-${process.pid}`);
    mkdirSync(folderOf(identity), { recursive: true, mode: 0o700 });
    rmSync(fresh, { force: true });
    // For every user of a container; the directory keeps others of the host out.
    writeFileSync(fresh, content, { mode: 0o400, flag: 'wx' });
    chmodSync(fresh, 0o444);
    renameSync(fresh, secretFile(identity, name));
  });
  tell('secret.create', name);
}

/** @throws IsoError secret.missing */
export async function removeSecret(identity: OwnIdentity, name: string): Promise<void> {
  await withStoreLock(identity.store, () => {
    if (!existsSync(secretFile(identity, name))) throw missing(name);
    rmSync(secretFile(identity, name));
  });
  tell('secret.remove', name);
}

/** A file system of their own, so that nothing of them is left in the container's files. */
const OWN_TMPFS = {
  destination: SECRETS,
  attributes: 'rw,nosuid,nodev,noexec',
  settings: 'mode=0755,size=64k',
  origin: '--secret',
};

function volumeOf(store: Store, { name, target, origin }: Secret, index: number): Volume {
  const source = secretFile(store, name);
  return { index, source, secret: true, destination: target, readOnly: true, noExec: true, relabel: 'shared', origin };
}

/** A run with its secrets among its mounts and variables; a variable of the command line wins. @throws IsoError secret.missing */
export function placeSecrets(store: Store, options: RunOptions): RunOptions {
  const [mounted, variables] = ['mount', 'env'].map((type) => options.secrets.filter((one) => one.type === type));
  if (!mounted || !variables || options.secrets.length === 0) return options;
  const texts = options.secrets.map(({ name }) => [name, readSecret(store, name).text] as const);
  const env = variables.map(({ name, target }) => `${target}=${new Map(texts).get(name)}`);
  const volumes = mounted.map((secret, index) => volumeOf(store, secret, options.volumes.length + index));
  const taken = [...options.volumes, ...options.tmpfs].map(({ destination }) => destination);
  for (const { destination, origin } of volumes) {
    if (taken.includes(destination)) throw refuse(origin, `another volume has the destination ${destination}`);
    taken.push(destination);
  }
  const needsOwn = volumes.some(({ destination }) => destination.startsWith(`${SECRETS}/`)) && !taken.includes(SECRETS);
  return {
    ...options,
    env: [...env, ...options.env],
    volumes: [...options.volumes, ...volumes],
    tmpfs: needsOwn ? [...options.tmpfs, OWN_TMPFS] : options.tmpfs,
  };
}
