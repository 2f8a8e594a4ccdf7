/** `--sysctl`: settings of the container's own namespaces, by a list of what belongs to them. Pure. */
import { refuse } from './refuse.js';

export interface Sysctl {
  /** Below /proc/sys. */
  path: string;
  value: string;
  /** Whose namespace it is: the network's belongs to the session, that of message queues and memory to the container. */
  owner: 'network' | 'ipc';
}

const IPC = [
  ...['shmmax', 'shmall', 'shmmni', 'shm_rmid_forced', 'msgmax', 'msgmnb', 'msgmni', 'sem'].map(
    (name) => `kernel/${name}`,
  ),
  ...['queues_max', 'msg_max', 'msgsize_max', 'msg_default', 'msgsize_default'].map((name) => `fs/mqueue/${name}`),
];
const MAX_VALUE = 256;

function parseSysctl(text: string): Sysctl {
  const option = `--sysctl ${text}`;
  const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  // With slashes a component may hold dots, as the names of interfaces do (sysctl(8)).
  const path = name.includes('/') ? name : name.replaceAll('.', '/');
  const isPath = path.split('/').every((part) => /^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,63}$/.test(part));
  if (!isPath) throw refuse(option, 'it is not NAME=VALUE with a name of sysctl(8)');
  if (value.length > MAX_VALUE || !/^[\w .,:+-]+$/.test(value))
    throw refuse(option, 'the value is not one of a setting');
  if (path.startsWith('net/')) return { path, value, owner: 'network' };
  if (IPC.includes(path)) return { path, value, owner: 'ipc' };
  throw refuse(
    option,
    'it is not a setting of the container alone; net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.* are',
  );
}

export function parseSysctls(texts: readonly string[]): Sysctl[] {
  const settings = texts.map(parseSysctl);
  const twice = settings.find(({ path }, index) => settings.findIndex((one) => one.path === path) !== index);
  if (twice) throw refuse('--sysctl', `${twice.path.replaceAll('/', '.')} is given twice`);
  return settings;
}
