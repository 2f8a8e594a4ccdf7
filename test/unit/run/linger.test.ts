/** Who starts a container that goes on alone is told when it cannot outlive the login, and what would change that. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { lingerWarning } from '../../../src/run/linger.js';
import { compileSpec } from '../../../src/run/spec.js';
import { facts, options } from './spec-facts.js';

const off = { isOff: true, refused: undefined };

describe('the end of the last login', () => {
  it('is told of where linger is off, with the command that helps', () => {
    const warning =
      'it ends with the last login of alice, since linger is off: `loginctl enable-linger alice` lets it go on';
    expect(lingerWarning('alice', off, 'never')).toBe(warning);
    expect(lingerWarning('alice', off, 'always')).toBe(warning);
    expect(lingerWarning('alice', { ...off, isOff: false }, 'never')).toBeUndefined();
  });

  it('is told with the reason of logind where it was asked for linger and refused it', () => {
    const refused = 'Could not enable linger: Access denied';
    expect(lingerWarning('alice', { isOff: true, refused }, 'on-demand')).toBe(
      'it ends with the last login of alice, since linger is off and logind refused it (Could not enable linger: Access denied): ask the administrator to run `loginctl enable-linger alice`',
    );
    // A plan that is only looked at asks for nothing.
    expect(lingerWarning('alice', off, 'on-demand')).toBeUndefined();
  });

  it('is a warning of the run as others are', () => {
    const { warnings } = compileSpec(options(), DEFAULT_POLICY, facts({ lingerWarning: 'it ends soon' }));
    expect(warnings).toContain('it ends soon');
  });
});
