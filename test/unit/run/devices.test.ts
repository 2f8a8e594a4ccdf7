import { describe, expect, it } from 'vitest';
import { bindDevice } from '../../../src/run/devices.js';
import { parseDevices } from '../../../src/run/options/devices.js';
import { checkUserns } from '../../../src/run/options/offers.js';

const refused = expect.objectContaining({ code: 'usage.invalid' });

describe('--device', () => {
  it('has a source, a target and words', () => {
    expect(parseDevices(['/dev/fuse', '/dev/net/tun:/dev/tun', '/dev/kvm:rw', '/dev//a:/dev/b:rwm'])).toMatchObject([
      { source: '/dev/fuse', target: '/dev/fuse' },
      { source: '/dev/net/tun', target: '/dev/tun' },
      { source: '/dev/kvm', target: '/dev/kvm' },
      { source: '/dev/a', target: '/dev/b' },
    ]);
  });

  it.each([
    '',
    ':',
    'fuse',
    '/dev',
    '/dev/',
    '/etc/passwd',
    '/dev/../etc/x',
    '/dev/fuse:/etc/x',
    '/dev/fuse:/dev/null',
    '/dev/fuse:/dev/pts/0',
    '/dev/fuse:/dev/console',
    '/dev/fuse:/dev/x:',
    '/dev/fuse:r',
    '/dev/fuse:x',
    '/dev/fuse:/dev/x:rw:y',
    '/dev/a\n',
    `/dev/${'a'.repeat(255)}`,
  ])('refuses %j', (text) => {
    expect(() => parseDevices([text])).toThrow(refused);
  });

  it('has one device a place', () => {
    expect(() => parseDevices(['/dev/a', '/dev/b:/dev/a'])).toThrow(refused);
    expect(() => parseDevices(['/dev/a', '/dev/b:/dev/a/b'])).toThrow(refused);
  });
});

describe('a device of the host', () => {
  const [device] = parseDevices(['/dev/x']);
  const facts = { path: '/dev/x', major: 10, minor: 229, mode: 0o20666, uid: 0 };
  const bind = (over: Partial<typeof facts>) => device && bindDevice(device, { ...facts, ...over }, 1000);

  it('is bound when the container can open it', () => {
    expect(bind({})).toMatchObject({ source: '/dev/x', target: '/dev/x', major: 10, minor: 229 });
    expect(bind({ mode: 0o20600, uid: 1000 })).toBeDefined();
  });

  it.each<[string, Partial<typeof facts>, RegExp]>([
    ['a terminal', { major: 136 }, /terminal/],
    ["the caller's terminal", { major: 5, minor: 0, uid: 1000 }, /terminal/],
    ['a keyboard', { major: 13 }, /typed/],
    ['a made-up keyboard', { minor: 223 }, /typed/],
    ["a group's", { mode: 0o20660 }, /group/],
    ["somebody else's", { mode: 0o20600 }, /may not open/],
    ['one for reading', { mode: 0o20644 }, /may not open/],
  ])('is refused when it is %s', (_, over, why) => {
    expect(() => bind(over)).toThrow(why);
  });
});

it('--userns is what is so', () => {
  checkUserns('host');
  expect(() => checkUserns('keep-id')).toThrow(/owners/);
  expect(() => checkUserns('keep-id:uid=5')).toThrow(/owners/);
  expect(() => checkUserns('bogus')).toThrow(/it is host/);
});
