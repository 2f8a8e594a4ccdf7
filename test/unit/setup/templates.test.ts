/** What users get from the package's own templates, and that names which break a file format do not. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { compileTemplates } from '../../../src/policy/templates.js';
import { HOST_FILES, hostTemplateValues, SETTINGS, sliceTemplateValues } from '../../../src/setup/desired-host.js';
import { commonTemplateValues, FILES, userTemplateValues } from '../../../src/setup/desired-user.js';

const templates = join(import.meta.dirname, '../../../templates');

async function renderOwn(name: string, values: object): Promise<string> {
  const source = readFileSync(join(templates, name), 'utf8');
  const [render] = await compileTemplates([{ name, file: name, source }]);
  return render?.(values) ?? '';
}

const alice = { name: 'alice', uid: 1000, gid: 1000, home: '/home/alice' };
const noHost = { registries: undefined, policy: undefined };
const userFile = (
  path: string,
  user = alice,
  policy = DEFAULT_POLICY,
  host: Parameters<typeof commonTemplateValues>[1] = noHost,
  isLabelled = false,
) => {
  const file = FILES.find((one) => one.path.endsWith(path));
  return renderOwn(file?.template ?? path, {
    ...commonTemplateValues(policy, host, isLabelled),
    ...userTemplateValues(user),
  });
};

describe('templates of users', () => {
  it('storage.conf names the tree and fuse-overlayfs', async () => {
    expect(parse(await userFile('storage.conf'))).toEqual({
      storage: {
        driver: 'overlay',
        graphroot: '/home/alice/.local/share/containers/storage',
        runroot: '/home/alice/.local/share/containers/run/storage',
        options: { overlay: { mount_program: '/usr/bin/fuse-overlayfs', mountopt: 'nodev' } },
      },
    });
  });

  it("storage.conf leaves fuse-overlayfs out where the policy asks for the kernel's", async () => {
    const policy = { ...DEFAULT_POLICY, run: { ...DEFAULT_POLICY.run, storage_driver: 'overlay' as const } };
    expect(parse(await userFile('storage.conf', alice, policy))).toMatchObject({
      storage: { options: { overlay: { mountopt: 'nodev' } } },
    });
    expect(await userFile('storage.conf', alice, policy)).not.toContain('mount_program');
  });

  it('storage.conf leaves fuse-overlayfs out where SELinux is on, whose labels it cannot show, unless it is asked for', async () => {
    const labelled = (storage_driver: 'auto' | 'fuse-overlayfs') =>
      userFile(
        'storage.conf',
        alice,
        { ...DEFAULT_POLICY, run: { ...DEFAULT_POLICY.run, storage_driver } },
        noHost,
        true,
      );
    expect(await labelled('auto')).not.toContain('mount_program');
    expect(await labelled('fuse-overlayfs')).toContain('mount_program');
  });

  it('containers.conf leaves Podman without SELinux labels where SELinux is on', async () => {
    const labelled = parse(await userFile('containers.conf', alice, DEFAULT_POLICY, noHost, true));
    expect(labelled).toMatchObject({ containers: { label: false, netns: 'none' } });
  });

  it('containers.conf has no network and the capabilities of the policy', async () => {
    expect(parse(await userFile('containers.conf'))).toEqual({
      containers: {
        netns: 'none',
        default_capabilities: DEFAULT_POLICY.run.capabilities.map((name) => name.slice('CAP_'.length)),
        pids_limit: 2048,
        seccomp_profile: '/home/alice/.config/containers/seccomp.json',
      },
      engine: { image_copy_tmp_dir: '/home/alice/.local/share/containers/tmp' },
    });
  });

  it('registries.conf accepts no short names, policy.json names what it accepts', async () => {
    expect(parse(await userFile('registries.conf'))).toEqual({
      'unqualified-search-registries': [],
      'short-name-mode': 'enforcing',
    });
    expect(JSON.parse(await userFile('policy.json'))).toMatchObject({ default: [{ type: 'reject' }] });
  });

  it("hand on the administrator's own rules instead of weaker ones", async () => {
    const host = {
      registries: 'unqualified-search-registries = ["r.example"]',
      policy: '{"default":[{"type":"reject"}]}',
    };
    expect(parse(await userFile('registries.conf', alice, DEFAULT_POLICY, host))).toEqual({
      'unqualified-search-registries': ['r.example'],
    });
    expect(JSON.parse(await userFile('policy.json', alice, DEFAULT_POLICY, host))).toEqual({
      default: [{ type: 'reject' }],
    });
  });

  it.each(['/home/a"b', '/home/a\\b', "/home/a'b", '/home/ä b', '/home/{{user.name}}', '/home/a\u007fb'])(
    'survive the home %s',
    async (home) => {
      const values = parse(await userFile('storage.conf', { ...alice, home })) as { storage: { graphroot: string } };
      expect(values.storage.graphroot).toBe(`${home}/.local/share/containers/storage`);
    },
  );

  it('refuse a name that does not exist, and text that is no template', async () => {
    const compile = (source: string) => compileTemplates([{ name: 'x.hbs', file: '/etc/iso/templates/x.hbs', source }]);
    const [misspelt] = await compile('{{usr}}');
    const [torn] = await compile('{{#if user}}');
    for (const render of [misspelt, torn]) {
      expect(() => render?.({ user: 'alice' })).toThrowError(expect.objectContaining({ code: 'template.invalid' }));
    }
  });

  it('give templates no way to the program', async () => {
    const [render] = await compileTemplates([{ name: 'x.hbs', file: 'x', source: '{{user.constructor.name}}' }]);
    expect(() => render?.({ user: { name: 'alice' } })).toThrow();
  });
});

describe('templates of hosts', () => {
  it.each(HOST_FILES)('$path', async ({ template, kind }) => {
    const text = await renderOwn(template, hostTemplateValues(DEFAULT_POLICY, '/usr/lib/iso-toolkit/iso-launch'));
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const expected = {
      sysctl: SETTINGS.map(({ name, value }) => `-${name} = ${value}`),
      modules: ['fuse', 'overlay'],
      delegation: ['[Service]', 'Delegate=cpu cpuset io memory pids'],
    };
    expect(lines).toEqual(expected[kind]);
  });

  it('limit a slice only where the policy does', async () => {
    expect(sliceTemplateValues(alice, DEFAULT_POLICY.slice)).toBeUndefined();
    const values = sliceTemplateValues(alice, { memory: '512m', cpus: 0, pids: 100 });
    const text = await renderOwn('system/slice.conf.hbs', values ?? {});
    expect(text.split('\n').slice(1)).toEqual(['[Slice]', 'MemoryMax=512M', 'TasksMax=100', '']);
  });
});
