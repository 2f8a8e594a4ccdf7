/** A home on a mount that never answers fails its user, and holds up nobody else. */
import { describe, expect, it } from 'vitest';
import { onPrivateHost, partsOf } from './private-host.js';

describe('a home that never answers', () => {
  const parts = partsOf(onPrivateHost('dead-home.sh'));
  const why = 'iso-home gave no answer in time, as on a network mount whose server is gone';

  it('fails its user when the time is over, and the others are set up', () => {
    expect(parts['set up']).toContain(`cannot work in the home of dead\n  why:  ${why}\n  code: os.failed\n`);
    expect(parts['set up']).toMatch(/^4 users, 1 failed: .*\nstatus 71\nin time\n$/m);
    expect(parts.lines).toBe('carol\ndead\nalice\nbob\n');
  });

  it('is not removed from, and says so in time', () => {
    expect(parts.removed).toMatch(/code: os\.failed\nstatus 71\nin time\n$/);
  });

  it('keeps all that an account had which is gone, until it answers', () => {
    expect(parts['removed without an account']).toContain(`cannot work in the home of dead\n  why:  ${why}\n`);
    expect(parts['removed without an account']).toMatch(/status 71\nin time\n$/);
    expect(parts['lines then']).toBe(parts.lines);
    expect(parts['removed in the end']).toMatch(/done +quota +\/etc\/projid: iso-dead:100002 -> none\n/);
    expect(parts['removed in the end']).toMatch(/in time\ncarol\nalice\nbob\n$/);
  });

  it('is one line of quotas', () => {
    for (const quota of [parts.quota, parts['all quotas']]) {
      expect(quota).toContain(`cannot work in the home of dead: ${why}`);
      expect(quota).toMatch(/^bob .*\n(.*\n)*in time\n$/m);
    }
  });

  it('is told by the service that looks at quotas, as every quota that it cannot read', () => {
    expect(parts.sample).toContain('iso-setup: the quota of bob is not known: home is on tmpfs, not XFS\n');
    expect(parts.sample).toContain(
      `iso-setup: the quota of dead is not known: cannot work in the home of dead: ${why}\n`,
    );
    expect(parts.sample).toMatch(/in time\n$/);
  });

  it('is a fault in the status, in the report and beside the events', () => {
    expect(parts.status).toContain(`/home/dead: ${why}`);
    expect(parts.status).toMatch(/in time\n$/);
    expect(parts.report).toContain(why);
    expect(parts.report).toMatch(/in time\n$/);
    expect(parts.events).toContain(`iso-audit: /home/dead/.local/share/containers/run/events.jsonl: ${why}`);
    expect(parts.events).toMatch(/in time\n$/);
  });
});
