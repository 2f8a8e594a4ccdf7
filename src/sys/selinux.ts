/** SELinux as a host manages it: modules of the policy. */
import { run } from './exec.js';

/** A commit compiles the whole policy: seconds on a usual machine, over a minute on an emulated one. */
const COMMIT_MS = 15 * 60_000;

/** Installs modules of the policy in one transaction. @throws IsoError tool.missing, tool.failed */
export async function installPolicyModules(modules: readonly { file: string; priority: number }[]): Promise<void> {
  const words = modules.flatMap(({ file, priority }) => [`--priority=${priority}`, `--install=${file}`]);
  await run('semodule', words, { timeoutMs: COMMIT_MS });
}
