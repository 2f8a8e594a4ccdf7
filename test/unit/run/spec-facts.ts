/** A host, an image and options, from which tests make specifications. */
import { parseRunOptions, type RunFlags } from '../../../src/run/options.js';
import type { SpecFacts } from '../../../src/run/spec.js';

export const options = (flags: RunFlags = {}, command = ['true']) =>
  parseRunOptions('base', command, flags, { cwd: '/', env: {}, arch: 'x64', readText: () => '' });
const mapping = [
  { containerId: 0, hostId: 1000, size: 1 },
  { containerId: 1, hostId: 524288, size: 65536 },
];

export function facts(over: Partial<SpecFacts> = {}): SpecFacts {
  return {
    host: {
      arch: 'x64',
      cpus: 2,
      cgroup: { mount: '/sys/fs/cgroup', manager: '/m', controllers: ['cpu', 'memory', 'pids'], swap: true },
    },
    image: {
      schema: 1,
      name: 'base:latest',
      layers: [],
      created: '',
      size: 0,
      source: '',
      config: { env: ['A=image'], entrypoint: [], cmd: ['sh'], workdir: '/', user: '' },
    },
    layers: ['/lower', '/upper'],
    ids: { uid: mapping, gid: mapping },
    user: { uid: 0, gid: 0, groups: [0], home: '/root' },
    volumes: [],
    rates: [],
    devices: [],
    seccomp: { programs: [{ log: true, program: new Uint8Array(8) }] },
    ...over,
  };
}
export const books = { store: '/store', spool: '/spool', uid: 1000, image: 'base:latest' };
