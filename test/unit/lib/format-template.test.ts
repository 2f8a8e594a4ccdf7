import { describe, expect, it } from 'vitest';
import { formatValues, parseTemplate } from '../../../src/lib/format-template.js';

const value = {
  ID: 'abc',
  Names: ['one', 'two'],
  State: { Running: true, Pid: 7, ExitCode: 0 },
  Labels: { a: '1' },
  Mounts: [{ Source: '/x' }, { Source: '/y' }],
  Odd: 'red\u001b[31m\n',
};
const format = (text: string) => formatValues(parseTemplate(text), [value]);

describe('a template', () => {
  it.each([
    ['{{.ID}}', 'abc\n'],
    ['{{ .ID }} {{.State.Pid}}', 'abc 7\n'],
    ['{{.State.Running}}\\t{{.Names}}', 'true\t[one two]\n'],
    ['{{.Labels}} {{.Labels.a}}', 'map[a:1] 1\n'],
    ['{{json .State}}', '{"Running":true,"Pid":7,"ExitCode":0}\n'],
    ['{{json .}}', `${JSON.stringify(value)}\n`],
    ['{{range .Mounts}}<{{.Source}}>{{end}}', '</x></y>\n'],
    ['{{range .Names}}{{.}},{{end}}', 'one,two,\n'],
    ['{{.Odd}}', 'red\\x1b[31m\\x0a\n'],
    ['plain', 'plain\n'],
    ['table {{.ID}}\\t{{.State.ExitCode}}', 'ID   EXIT CODE\nabc  0\n'],
  ])('%j gives %j', (text, expected) => {
    expect(format(text)).toBe(expected);
  });

  it.each([
    ['{{.Missing}}', 'no field Missing'],
    ['{{.State.Pid.More}}', 'no field More'],
    ['{{.constructor}}', 'no field constructor'],
    ['{{.ID', 'a {{ has no }}'],
    ['{{range .Names}}x', 'a {{range}} has no {{end}}'],
    ['{{end}}', "'{{end}}' is not understood"],
    ['{{if .ID}}', "'{{if .ID}}' is not understood"],
    ['{{.ID | upper}}', "'{{.ID | upper}}' is not understood"],
    ['{{ID}}', "'{{ID}}' is not understood"],
    ['{{range .Names}}'.repeat(9), "'{{range .Names}}' is not understood"],
    ['x'.repeat(20_000), 'longer than'],
  ])('%j is refused', (text, why) => {
    expect(() => format(text)).toThrow(why);
  });
});
