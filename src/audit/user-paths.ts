/** What a user keeps private, below the home: the same list that iso-setup makes. Pure. */

const TREE = '.local/share/containers';
const CONFIG = '.config/containers';

export const PRIVATE_DIRECTORIES = [
  TREE,
  ...['storage', 'cache', 'tmp', 'run'].map((name) => `${TREE}/${name}`),
  CONFIG,
];

export const PRIVATE_FILES = ['storage.conf', 'containers.conf', 'registries.conf', 'policy.json', 'seccomp.json'].map(
  (name) => `${CONFIG}/${name}`,
);
