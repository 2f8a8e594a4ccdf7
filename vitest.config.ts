import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { ScenarioSequencer } from './test/vm/sequencer.js';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string };

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version) },
  test: {
    pool: 'forks',
    sequence: { sequencer: ScenarioSequencer },
    // A test that checks nothing passes for ever.
    expect: { requireAssertions: true },
    // Node's own variables change what our programs do and how fast they start.
    env: { NODE_EXTRA_CA_CERTS: '', NODE_OPTIONS: '' },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/integration/global-setup.ts'],
          // They create users, mounts and namespaces on one machine.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'programs',
          include: ['test/programs/**/*.test.ts'],
          globalSetup: ['test/integration/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          globalSetup: ['test/vm/global-setup.mjs'],
          // Guests at a time: each takes one core.
          maxWorkers: 2,
          testTimeout: 300_000,
          // The first boot may build the guest's image.
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
