// `npm run vm`: a shell in a booted guest that has the current package installed.
//   npm run vm -- [--scenario NAME] [--user NAME] [--keep] [--bare] [-c COMMAND]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { buildDeb } from '../tools/deb.mjs';
import { prepare } from '../tools/prepare.mjs';
import { main, progress, StageError, say } from '../tools/stage.mjs';
import { bootGuest } from './guest.mjs';
import { installPackage } from './install.mjs';
import { scenarios } from './scenarios.mjs';

const USAGE = `npm run vm -- [--scenario NAME] [--user NAME] [--keep] [--bare] [-c COMMAND]
  --scenario  ${Object.entries(scenarios)
    .map(([name, { about }]) => `${name}: ${about}`)
    .join('\n              ')}
  --user      whom to log in as (root); another user is made and provisioned
  --keep      leave the guest running at the end
  --bare      without the package
  -c          a command instead of a shell; its status is the status of all`;

function parseOptions() {
  try {
    return parseArgs({
      options: {
        scenario: { type: 'string', default: 'selinux' },
        user: { type: 'string', default: 'root' },
        keep: { type: 'boolean', default: false },
        bare: { type: 'boolean', default: false },
        command: { type: 'string', short: 'c' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new StageError(error.message, USAGE);
  }
}

async function makeUser(guest, user) {
  if (!/^[a-z][a-z0-9-]*$/.test(user)) throw new StageError(`"${user}" is no name for a user`);
  await guest.sh(`id ${user} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ${user}`);
  progress(await guest.sh(`iso-setup user ${user} | tail -n 1`));
}

await main(async () => {
  const options = parseOptions();
  if (options.help) return say(USAGE);
  prepare(['build', 'package', 'vm']);
  const deb = options.bare ? undefined : buildDeb('vm');
  const guest = await bootGuest(options.scenario, { keep: options.keep });
  progress(`guest "${options.scenario}" is up`);
  try {
    if (deb) await installPackage(guest, deb);
    if (deb && options.user !== 'root') await makeUser(guest, options.user);
    const words = options.command === undefined ? ['-t'] : ['--', options.command];
    const shell = spawn('ssh', [...guest.sshArguments(options.user), ...words], { stdio: 'inherit' });
    const [status] = await once(shell, 'exit');
    process.exitCode = status ?? 1;
  } finally {
    if (options.keep) say(`the guest runs on: ${guest.letGo()}`);
    else await guest.remove();
  }
});
