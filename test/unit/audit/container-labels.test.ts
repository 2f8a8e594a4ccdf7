import { expect, it } from 'vitest';
import { labelFault } from '../../../src/facts/container-labels.js';

it.each([
  ['u:r:container_t:s0:c1,c2-s0:c1,c2,c600,c700', undefined],
  ['u:r:container_t:s0:c1,c2,c600,c700', undefined],
  ['u:r:container_t:s0', /two pairs/],
  ['u:r:container_t:s0-s0:c0.c1023', /two pairs/],
  ['unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023', /not container_t/],
  ['none', /not container_t/],
  ['', /not container_t/],
])('a process under %j', (label, fault) => {
  const found = labelFault(label, 'container_t');
  if (fault) expect(found).toMatch(fault);
  else expect(found).toBeUndefined();
});
