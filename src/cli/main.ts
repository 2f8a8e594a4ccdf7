/** The frame of every command: the only place that prints errors and exits. */
import { Command, CommanderError } from 'commander';
import { asIsoError, ERROR_CODES, IsoError } from '../lib/errors.js';
import { escapeControl } from '../lib/text.js';

/** Prints an error as the style guide says: what, why, hint, code; as one JSON object under `--json`. */
export function printError(program: string, error: IsoError, json: boolean): void {
  if (json) {
    process.stderr.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
    return;
  }
  // A bug's stack keeps its lines; every other text is one line, whatever it quotes.
  const why = error.code === 'internal' ? error.why : escapeControl(error.why);
  const lines = [`${program}: ${escapeControl(error.what)}`, `  why:  ${why}`];
  if (error.hint !== undefined) lines.push(`  hint: ${escapeControl(error.hint)}`);
  lines.push(`  code: ${error.code}`);
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** A commander program with the habits that all three commands share. */
export function createProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .version(`${name} ${__VERSION__}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .showHelpAfterError(false);
}

/** commander's complaint in our form. It shows the whole help when a command is missing, which is one error more here. */
function usageError(thrown: CommanderError): IsoError {
  const why = thrown.code === 'commander.help' ? 'no command was given' : thrown.message.replace(/^error: /, '');
  return new IsoError('usage.invalid', 'cannot use these arguments', why);
}

/**
 * Runs a program to its exit. `exitOf` maps an error to a status where a command differs from the table (iso-run: 125).
 */
export async function runMain(
  program: Command,
  exitOf: (error: IsoError) => number = (error) => ERROR_CODES[error.code].exit,
): Promise<void> {
  // Until a command is chosen every --json counts; then only its own does, since the rest may be a payload's argument.
  let json = process.argv.includes('--json');
  program.hook('preAction', (_, command) => {
    json = command.opts().json === true;
  });
  try {
    await program.parseAsync(process.argv);
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    const error = thrown instanceof CommanderError ? usageError(thrown) : asIsoError(thrown);
    printError(program.name(), error, json);
    process.exitCode = exitOf(error);
  }
}
