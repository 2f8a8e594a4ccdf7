/** The options of `run`, `plan run` and `create`, defined once; native/run-options.c has the same table. */
import { type Command, InvalidArgumentError } from 'commander';
import { readBooleans } from './boolean-flags.js';

export const collect = (value: string, list: string[] = []) => [...list, value];

/** What has one value is not given two: the one that counts would be a matter of order. */
function once(value: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError('It is given twice.');
  return value;
}

function addContainerOptions(command: Command): Command {
  return command
    .option('--rm', 'remove the container when it ends')
    .option('--name <name>', 'name of the container', once)
    .option('--replace', 'remove the container that has this name, if there is one')
    .option('-l, --label <name[=value]>', 'label of the container', collect)
    .option('--label-file <file>', 'labels, one a line', collect)
    .option('--restart <policy>', 'no, on-failure[:NUMBER], always or unless-stopped', once)
    .option('--stop-signal <signal>', 'signal that ends the container', once)
    .option('--stop-timeout <seconds>', 'time to end after that signal', once)
    .option('-q, --quiet', 'say nothing of warnings')
    .option('--storage-driver <name>', 'auto, fuse-overlayfs or overlay', once)
    .option('--pull <when>', 'missing or never: images are imported', once)
    .option('--platform <name>', "the host's own", once)
    .option('--cidfile <file>', 'write the id to a new file', once)
    .option('--pidfile <file>', "write the host's pid of the container's first process to a file", once)
    .option('--log-driver <name>', 'k8s-file or none: what is kept of the output of a detached container', once)
    .option('--log-opt <name=value>', 'max-size=SIZE, max-file=NUMBER of its log', collect)
    .option('--direct', 'launch without a session process');
}

function addPayloadOptions(command: Command): Command {
  return command
    .option('-i, --interactive', 'relay standard input to the container')
    .option('-t, --tty', 'give the container a terminal of its own')
    .option('--entrypoint <command>', "command in place of the image's own; a word or a JSON list", once)
    .option('--init', 'run a program as pid 1 that reaps and passes signals on')
    .option('-e, --env <name[=value]>', 'set an environment variable, or pass one on', collect)
    .option('--env-file <file>', 'environment variables, one a line', collect)
    .option('--secret <name[,...]>', 'a secret as a file below /run/secrets, or with type=env as a variable', collect)
    .option('-w, --workdir <path>', 'working directory in the container', once)
    .option('-u, --user <user[:group]>', 'run as this user of the image', once)
    .option('--group-add <group>', 'add a group of the image', collect)
    .option('--tz <zone>', 'time zone, for example Europe/Berlin, or local', once)
    .option('--timezone <zone>', 'the same', once)
    .option('--ulimit <name=soft[:hard]>', 'resource limit', collect);
}

function addConfinementOptions(command: Command): Command {
  return command
    .option('--cap-add <name>', 'add a capability, or ALL', collect)
    .option('--cap-drop <name>', 'drop a capability, or ALL', collect)
    .option('--security-opt <name[=value]>', 'seccomp=FILE, no-new-privileges, label=disable', collect)
    .option('--device <source[:target]>', 'a device that every user may open', collect)
    .option('--userns <mode>', 'host: root of the container is the calling user', once)
    .option('--privileged', 'refused: add what the program needs');
}

function addMountOptions(command: Command): Command {
  return command
    .option('-v, --volume <source:destination[:ro]>', 'bind a directory or file of the host', collect)
    .option('--mount <type=...,...>', 'the same, or a tmpfs, in words', collect)
    .option('--tmpfs <path[:options]>', 'mount a file system in memory', collect)
    .option('--package-config <name>', "apt or apk: bind the host's configuration of it, read-only", collect)
    .option('--shm-size <size>', 'size of /dev/shm', once)
    .option('--read-only', 'make the root file system read-only, with tmpfs on /tmp, /run and /var/tmp')
    .option('--read-only-tmpfs <boolean>', 'false: without that tmpfs', once);
}

function addNetworkOptions(command: Command): Command {
  return command
    .option('--network <name>', 'none', once)
    .option('--network-owner <owner>', 'session, or by policy container: whose the network namespace is', once)
    .option('--hostname <name>', 'host name in the container', once)
    .option('--add-host <name:address>', 'add a line to /etc/hosts', collect)
    .option('--dns <address>', 'name server in /etc/resolv.conf', collect)
    .option('--dns-search <domain>', 'search domain in /etc/resolv.conf', collect)
    .option('--dns-option <option>', 'option in /etc/resolv.conf', collect)
    .option('--sysctl <name=value>', "setting of the container's own namespaces", collect);
}

/** Limits that the files of a cgroup hold. */
export function addCgroupOptions(command: Command): Command {
  return command
    .option('--memory <size>', 'memory limit, for example 512m', once)
    .option('--cpus <number>', 'processors, for example 1.5', once)
    .option('--memory-reservation <size>', 'memory that is taken from it last', once)
    .option('--memory-swap <size>', 'memory and swap together, or -1', once)
    .option('--cpu-shares <number>', 'share of the processors among containers', once)
    .option('--cpuset-cpus <list>', 'processors by number, for example 0-3', once)
    .option('--cpuset-mems <list>', 'memory nodes by number', once)
    .option('--pids-limit <number>', 'number of tasks', once)
    .option('--blkio-weight <weight>', 'share of the disks, from 10 to 1000', once)
    .option('--device-read-bps <device:rate>', 'bytes a second that are read', collect)
    .option('--device-write-bps <device:rate>', 'bytes a second that are written', collect)
    .option('--device-read-iops <device:rate>', 'reads a second', collect)
    .option('--device-write-iops <device:rate>', 'writes a second', collect);
}

function addLimitOptions(command: Command): Command {
  return addCgroupOptions(command)
    .option('--memory-swappiness <number>', 'refused: cgroup v2 has none', once)
    .option('--oom-score-adj <number>', 'how soon it is ended when memory runs out', once);
}

/** Adds options and operands; what follows the image belongs to the payload. */
export function addCreateOptions(command: Command): Command {
  command
    .argument('<image>', 'image to run')
    .argument('[command...]', "command and arguments in place of the image's own")
    .passThroughOptions();
  const groups = [addContainerOptions, addPayloadOptions, addConfinementOptions, addMountOptions, addNetworkOptions];
  for (const add of [...groups, addLimitOptions]) add(command);
  return readBooleans(command);
}

/** The same, and what is meant for a container that is launched at once. */
export function addRunOptions(command: Command): Command {
  const text = 'let the container live without this command, and print its id';
  return addCreateOptions(command).option('-d, --detach', text);
}
