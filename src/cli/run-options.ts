/** The options of `run`, defined once for `run` and `plan run`. */
import type { Command } from 'commander';

const collect = (value: string, list: string[] = []) => [...list, value];

/** Adds options and operands; what follows the image belongs to the payload. */
export function addRunOptions(command: Command): Command {
  return command
    .argument('<image>', 'image to run')
    .argument('[command...]', "command and arguments in place of the image's own")
    .passThroughOptions()
    .option('--rm', 'remove the container when it ends')
    .option('-i, --interactive', 'relay standard input to the container')
    .option('-t, --tty', 'give the container a terminal of its own')
    .option('-v, --volume <source:destination[:ro]>', 'bind a directory or file of the host', collect)
    .option('-e, --env <name[=value]>', 'set an environment variable, or pass one on', collect)
    .option('-w, --workdir <path>', 'working directory in the container')
    .option('-u, --user <user[:group]>', 'run as this user of the image')
    .option('--name <name>', 'name of the container')
    .option('--hostname <name>', 'host name in the container')
    .option('--read-only', 'make the root file system read-only, with tmpfs on /tmp, /run and /var/tmp')
    .option('--memory <size>', 'memory limit, for example 512m')
    .option('--cpus <number>', 'processors, for example 1.5')
    .option('--pids-limit <number>', 'number of tasks')
    .option('--cap-add <name>', 'add a capability', collect)
    .option('--cap-drop <name>', 'drop a capability, or ALL', collect)
    .option('--storage-driver <name>', 'auto, fuse-overlayfs or overlay')
    .option('--direct', 'launch without a session process');
}
