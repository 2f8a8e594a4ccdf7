/** Options of which this runtime offers one choice: it is taken, and the others are refused with the reason. Pure. */
import { refuse } from './refuse.js';

export function checkNetwork(text: string | undefined): void {
  if (text === undefined || text === 'none') return;
  throw refuse(`--network ${text}`, 'a container has the loopback interface alone, which is --network none');
}

export function checkPull(text: string | undefined): void {
  if (text === undefined || text === 'never' || text === 'missing') return;
  const asks = text === 'always' || text === 'newer';
  throw refuse(
    `--pull ${text}`,
    asks
      ? 'images come from `iso-run image import`, not from a registry'
      : 'it is none of never, missing, always, newer',
  );
}

const NAMES: Readonly<Record<string, readonly string[]>> = {
  x64: ['amd64', 'x86_64'],
  arm64: ['arm64', 'arm64/v8', 'aarch64'],
};

/** `arch` is Node's name of the processor. */
export function checkPlatform(text: string | undefined, arch: string): void {
  const names = NAMES[arch] ?? [];
  if (text === undefined || text === 'linux' || names.some((name) => text === `linux/${name}`)) return;
  throw refuse(`--platform ${text}`, `programs of this host's processor alone are run, which is linux/${names[0]}`);
}

/** Why not the others: the kernel refuses a user id-mapped mounts, of an overlay too. */
const OTHER_IDS = "the files of an image would have other owners than it says: a user may not map a mount's ids";

/** `host` in the words of a rootless Podman: root of the container is the caller. */
export function checkUserns(text: string | undefined): void {
  if (text === undefined || text === 'host') return;
  const isKnown = /^(keep-id|auto|nomap|private)([:=,].*)?$/s.test(text);
  throw refuse(`--userns ${text}`, isKnown ? OTHER_IDS : 'it is host: root of the container is the calling user');
}

/** `true` unless it was asked for otherwise. */
export function parseReadOnlyTmpfs(text: string | undefined): boolean {
  if (text === undefined || text === 'true') return true;
  if (text === 'false') return false;
  throw refuse(`--read-only-tmpfs ${text}`, 'it is true or false');
}
