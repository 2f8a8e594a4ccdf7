// SSH to one guest: commands, files, logins.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StageError } from '../tools/stage.mjs';

/** @typedef {{ status: number | string, stdout: string, stderr: string }} Ended */

/**
 * @typedef {object} ShellOptions
 * @property {string} [user] whom to log in as; root otherwise
 * @property {string} [input] text for standard input
 * @property {number} [timeout] seconds
 * @property {boolean} [fresh] a login of its own instead of the user's shared one
 */

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ input?: string | undefined, file?: string, timeout: number }} options
 * @returns {Promise<Ended>}
 */
function collect(program, args, { input, file, timeout }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: [input === undefined && !file ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout * 1000);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ status: code ?? `${signal}`, stdout, stderr });
    });
    child.on('error', (error) => resolve({ status: 'error', stdout, stderr: error.message }));
    child.stdin?.on('error', () => undefined);
    if (file && child.stdin) createReadStream(file).pipe(child.stdin);
    else if (input !== undefined) child.stdin?.end(input);
  });
}

/**
 * @param {string} place directory for the sockets of shared logins
 * @param {string} key private key
 * @param {number} port on loopback
 */
export function sshTo(place, key, port) {
  const options = [
    ...['-F', 'none', '-i', key, '-p', String(port), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
    ...['-o', 'ConnectTimeout=20', '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=8'],
  ];
  const socketOf = (/** @type {string} */ user) => join(place, `ssh-${user}`);

  /** One login a user is kept and shared by all commands, since each costs a second of emulation. */
  async function connect(/** @type {string} */ user) {
    const shared = ['-o', `ControlPath=${socketOf(user)}`];
    if (existsSync(socketOf(user))) return shared;
    const master = spawn('ssh', [...options, ...shared, '-M', '-N', '-f', `${user}@127.0.0.1`], { stdio: 'ignore' });
    await once(master, 'exit');
    return shared;
  }

  /** Ends a user's shared login, as logging out does. */
  async function logOut(/** @type {string} */ user) {
    if (!existsSync(socketOf(user))) return;
    const exit = ['-o', `ControlPath=${socketOf(user)}`, '-O', 'exit', `${user}@127.0.0.1`];
    await collect('ssh', [...options, ...exit], { timeout: 20 });
    rmSync(socketOf(user), { force: true });
  }

  /** Runs a shell command and returns how it ended, whatever the status. @returns {Promise<Ended>} */
  async function shell(/** @type {string} */ command, /** @type {ShellOptions} */ how = {}) {
    const { user = 'root', input, timeout = 300, fresh = false } = how;
    const shared = fresh ? [] : await connect(user);
    return collect('ssh', [...options, ...shared, `${user}@127.0.0.1`, '--', command], { input, timeout });
  }

  return {
    options,
    logOut,
    shell,

    /** Standard output of a command that must succeed. */
    async sh(/** @type {string} */ command, /** @type {ShellOptions} */ how = {}) {
      const ended = await shell(command, how);
      if (ended.status === 0) return ended.stdout;
      const text = `${ended.stdout}${ended.stderr}`.trimEnd();
      throw new StageError(`in the guest, as ${how.user ?? 'root'}: ${command}\nended with ${ended.status}\n${text}`);
    },

    /** A connection's socket outlives a guest that went away, and would answer for the next one. */
    async disconnect() {
      const users = readdirSync(place).filter((name) => name.startsWith('ssh-'));
      for (const name of users) await logOut(name.slice('ssh-'.length));
    },

    /** Copies a file into the guest, where root owns it; `to` is a plain path. */
    async copyIn(/** @type {string} */ file, /** @type {string} */ to) {
      const words = [...options, ...(await connect('root')), 'root@127.0.0.1', '--', `cat >${to}`];
      const ended = await collect('ssh', words, { file, timeout: 120 });
      if (ended.status !== 0) throw new StageError(`cannot copy ${file} to the guest: ${ended.stderr}`);
    },
  };
}
