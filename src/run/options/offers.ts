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

/** `true` unless it was asked for otherwise. */
export function parseReadOnlyTmpfs(text: string | undefined): boolean {
  if (text === undefined || text === 'true') return true;
  if (text === 'false') return false;
  throw refuse(`--read-only-tmpfs ${text}`, 'it is true or false');
}
