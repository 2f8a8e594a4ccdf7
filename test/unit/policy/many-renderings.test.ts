/** Renderings for many users are those that each would have alone, whatever a template does with what differs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import handlebars from 'handlebars';
import { describe, expect, it } from 'vitest';
import { quote, renderMany } from '../../../src/policy/many-renderings.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { commonTemplateValues, FILES, userTemplateValues } from '../../../src/setup/desired-user.js';

const homes = [
  '/home/alice',
  '/home/a"b',
  '/home/a\\b',
  '/home/\0plain user.uid\0',
  '/home/{{user.name}}',
  '/home/a\u007f',
];
const owns = homes.map((home, index) => userTemplateValues({ name: `user${index}`, uid: index, gid: index % 2, home }));
const shared = commonTemplateValues(
  DEFAULT_POLICY,
  {
    registries: undefined,
    policy: '{"default":[{"type":"reject"}]}',
  },
  false,
);

/** Renderings for all users in turn, those that each has alone, and how often the template itself was rendered for them. */
function renderings(source: string): { many: string[]; alone: string[]; count: number } {
  const engine = handlebars.create();
  engine.registerHelper('quote', quote);
  const compiled = engine.compile(source, {
    strict: true,
    noEscape: true,
    knownHelpersOnly: true,
    knownHelpers: { quote: true },
  });
  let count = 0;
  const render = renderMany(
    () => handlebars.parse(source),
    (values) => {
      count += 1;
      return compiled(values);
    },
  );
  const many = owns.map((own) => render(own, shared));
  return { many, alone: owns.map((own) => compiled({ ...shared, ...own })), count };
}

describe('a template for many users', () => {
  it.each(FILES.map(({ template }) => template))('%s is rendered for none but the first', (template) => {
    const source = readFileSync(join(import.meta.dirname, '../../../templates', template), 'utf8');
    const { many, alone, count } = renderings(source);
    expect(many).toEqual(alone);
    // Once as it is and once with marks.
    expect(count).toBe(2);
  });

  it.each([
    '{{user.uid}}{{#each capabilities}}{{quote ../user.name}}{{@index}}{{this}}{{/each}}{{quote storage}}',
    '{{#if overlay}}{{user.gid}}{{else}}{{#unless pids}}-{{/unless}}{{./user.name}}{{/if}}',
    '{{#with host}}{{policy}}{{/with}} {{this}} {{[user].home}}',
  ])('that only prints is rendered for none but the first: %s', (source) => {
    const { many, alone, count } = renderings(source);
    expect([many, count]).toEqual([alone, 2]);
  });

  it.each([
    '{{#if user.gid}}one{{else}}none{{/if}}',
    '{{#user}}{{#if gid}}one{{/if}}{{/user}}',
    '{{#"user"}}{{#if gid}}one{{/if}}{{/"user"}}',
    '{{#with user}}{{#if gid}}{{name}}{{/if}}{{/with}}',
    '{{#with this}}{{#with user}}{{#if gid}}one{{/if}}{{/with}}{{/with}}',
    '{{#each user}}{{@key}}{{#if this}}!{{/if}}{{/each}}',
    '{{#each this}}{{#if gid}}one{{/if}}{{/each}}',
    '{{#each capabilities}}{{#if ../user.gid}}one{{/if}}{{/each}}',
    '{{#if @root.user.gid}}one{{/if}}',
    '{{lookup capabilities user.gid}}',
    '{{#with (lookup this "user")}}{{#if gid}}one{{/if}}{{/with}}',
    '{{@root.user.name}}',
    '{{user}}',
  ])('that decides by what differs is rendered for each: %s', (source) => {
    const { many, alone, count } = renderings(source);
    expect(many).toEqual(alone);
    expect(count).toBe(owns.length + 1);
  });

  it('that names what is not there is refused for the first', () => {
    expect(() => renderings('{{user.nome}}')).toThrow();
    expect(() => renderings('{{user.name.length}}')).toThrow();
  });
});
