/** SELinux as a host manages it: modules of the policy, through semodule(8). */
import { runWithPipes } from './real-pipe.js';

export const SEMODULE = '/usr/sbin/semodule';
/** A commit compiles the whole policy: seconds on a usual machine, minutes on an emulated one. */
const COMMIT_MS = 15 * 60_000;
const LIST_MS = 5 * 60_000;

/** Lines of priority, name, language and digest. @throws IsoError tool.missing, tool.failed */
export const listPolicyModules = (): Promise<string> =>
  runWithPipes(SEMODULE, ['--list-modules=full', '--checksum'], LIST_MS);

/** Makes the file contexts of homes anew, those of accounts that were not there before among them. @throws IsoError */
export async function buildHomeContexts(): Promise<void> {
  await runWithPipes(SEMODULE, ['--build', '--noreload'], COMMIT_MS);
}

/** Installs modules of the policy in one transaction. @throws IsoError tool.missing, tool.failed */
export async function installPolicyModules(modules: readonly { file: string; priority: number }[]): Promise<void> {
  const words = modules.flatMap(({ file, priority }) => [`--priority=${priority}`, `--install=${file}`]);
  await runWithPipes(SEMODULE, words, COMMIT_MS);
}
