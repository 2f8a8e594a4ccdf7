import { describe, expect, it } from 'vitest';
import { resolveUser } from '../../../src/run/image-user.js';

const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\nbroken line\nhigh:x:70000:1::/:/bin/sh\n';
const group = 'root:x:0:\nwww:x:33:\nlogs:x:44:web,other\nhuge:x:99999:web\n';
const resolve = (user: string) => resolveUser(user, passwd, group, { uid: 65537, gid: 65537 });

describe('resolveUser', () => {
  it('resolves names with their groups and home', () => {
    expect(resolve('web')).toEqual({ uid: 33, gid: 33, groups: [33, 44], home: '/var/www' });
    expect(resolve('0')).toEqual({ uid: 0, gid: 0, groups: [0], home: '/root' });
  });
  it('takes numbers that the image does not know', () => {
    expect(resolve('1234')).toEqual({ uid: 1234, gid: 0, groups: [0], home: '/' });
    expect(resolve('1234:55')).toEqual({ uid: 1234, gid: 55, groups: [55], home: '/' });
  });
  it('lets an explicit group replace the supplementary ones', () => {
    expect(resolve('web:logs')).toMatchObject({ gid: 44, groups: [44] });
  });
  it.each(['', ':', 'nobody', 'web:nogroup', '65537', 'high', '0:65537', 'a:b:c', '-1', '4294967296'])(
    'refuses %j',
    (user) => {
      expect(() => resolve(user)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
    },
  );
});
