/** What the payload is when it begins: ids, capabilities, filters, arguments, environment. Pure. */
import { capabilityMask } from '../capabilities.js';
import type { Add } from '../compile-records.js';
import { type ContainerSpec, DEFAULT_PATH } from '../spec.js';
import { INIT_PATH } from './mounts.js';

const SECCOMP_FILTER_FLAG_LOG = 2;

/** The order is the kernel's: bounding set, groups, ids with kept capabilities, capability sets, no_new_privs, filter. */
export function compileProcess(spec: ContainerSpec, add: Add): void {
  const { user, capabilities, cwd, args, command, env, ulimits, init } = spec.process;
  const mask = capabilityMask(capabilities);
  add('container', 'capabilities', 'cap-bound', mask);
  add('container', '--user', 'groups', user.groups.join(','));
  add('container', '--user', 'ids', user.uid, user.gid);
  // As execve would have it: only root keeps capabilities; nothing is inheritable or ambient.
  const held = user.uid === 0 ? mask : 0n;
  add('container', 'capabilities', 'caps', held, held, 0n, 0n);
  add('container', '--workdir', 'chdir', cwd);
  for (const { name, resource, soft, hard } of ulimits)
    add('container', `--ulimit ${name}`, 'rlimit', resource, soft, hard);
  add('container', 'no_new_privs', 'no-new-privs');
  for (const { log, program } of spec.seccomp) {
    add('container', 'seccomp profile', 'seccomp', log ? SECCOMP_FILTER_FLAG_LOG : 0, program);
  }
  for (const value of init === undefined ? [] : [INIT_PATH, '--']) add('container', '--init', 'arg', value);
  for (const value of args) add('container', 'command', 'arg', value);
  if (command) add('container', 'command', 'args');
  for (const { name, assignment } of env) add('container', `--env ${name}`, 'env', assignment);
  add('container', 'command', 'exec', env.find(({ name }) => name === 'PATH')?.assignment ?? DEFAULT_PATH);
}
