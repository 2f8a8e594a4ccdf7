// Writes bash completions of the commands to dist/completions, from what the built programs say under --help.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = join(dirname(fileURLToPath(import.meta.url)), 'dist');
/** Commands whose operands are login names. */
const OF_USERS = { 'iso-setup': ['user', 'remove', 'status', 'quota'] };

/** Every command of a program: its words, its own commands and its options. */
function commandsOf(program, words = []) {
  const help = execFileSync(process.execPath, [join(dist, `${program}.js`), ...words, '--help'], { encoding: 'utf8' });
  const [, list = ''] = help.split('\nCommands:\n');
  const names = [...list.matchAll(/^ {2}([a-z][\w-]*)/gm)].map((match) => match[1]).filter((name) => name !== 'help');
  const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map((match) => match[1]);
  return [{ words, names, options }, ...names.flatMap((name) => commandsOf(program, [...words, name]))];
}

/** The script: words that were typed choose a row, the row says what may follow. */
function scriptOf(program) {
  const rows = commandsOf(program);
  const table = (key) => rows.map((row) => `    ['/${row.words.join('/')}']='${row[key].join(' ')}'`).join('\n');
  const users = (OF_USERS[program] ?? []).map((name) => `/${name}`).join('|');
  const name = `_${program.replaceAll('-', '_')}`;
  return `# bash completion of ${program}(1)
${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} at=/ word
  local -A commands=(
${table('names')}
  ) options=(
${table('options')}
  )
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == [a-z]* && " \${commands[$at]-} " == *" $word "* ]] && at=\${at%/}/$word
  done
  COMPREPLY=()
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "\${options[$at]-}" -- "$current")
  elif [[ -n \${commands[$at]-} ]]; then
    mapfile -t COMPREPLY < <(compgen -W "\${commands[$at]}" -- "$current")
${users === '' ? '' : `  elif [[ $at == @(${users}) ]]; then\n    mapfile -t COMPREPLY < <(compgen -u -- "$current")\n`}  fi
}
complete -o default -F ${name} ${program}
`;
}

mkdirSync(join(dist, 'completions'), { recursive: true });
for (const program of ['iso-setup', 'iso-run', 'iso-audit']) {
  writeFileSync(join(dist, 'completions', program), scriptOf(program));
}
