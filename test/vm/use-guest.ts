/** A guest for one file of tests: booted before them, checked for complaints and removed after them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { buildDir } from '../tools/stage.mjs';
import { bootGuest, type Guest } from './guest.mjs';
import { complaintsOf } from './journal.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the package under test. */
    deb: string;
  }
}

export interface Lab {
  guest: Guest;
  deb: string;
  complaints: ReturnType<typeof complaintsOf>;
}

/** With ISO_VM_KEEP set, a guest whose tests failed runs on, and the command that reaches it is printed. */
const keep = (process.env.ISO_VM_KEEP ?? '') !== '';

async function storeLogs({ guest }: Lab): Promise<void> {
  const place = join(buildDir, 'vm', guest.name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'console.log'), guest.console());
  writeFileSync(join(place, 'registers.log'), await guest.monitor('info registers -a'));
  for (const [file, command] of [
    ['journal.log', 'journalctl --no-pager --output short-precise'],
    ['audit.log', 'cat /var/log/audit/audit.log'],
  ] as const) {
    writeFileSync(join(place, file), (await guest.shell(command)).stdout);
  }
}

/** Boots a guest of `scenario` for the tests of this file; what it returns is filled when they run. */
export function useGuest(scenario: string): Lab {
  const lab = {} as Lab;
  let failed = false;

  beforeAll(async () => {
    lab.guest = await bootGuest(scenario, { keep });
    lab.complaints = complaintsOf(lab.guest);
    lab.deb = inject('deb');
  });
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
  });
  afterAll(async () => {
    if (!lab.guest) return;
    if (failed) await storeLogs(lab);
    if (failed && keep) process.stderr.write(`\nthe guest "${scenario}" runs on: ${lab.guest.letGo()}\n`);
    else await lab.guest.remove();
  });
  return lab;
}

/** The last test of each group: nothing in it made the guest complain. */
export function itComplainsOfNothing(lab: Lab): void {
  it('complained of nothing unexpected: journal, security modules, units', async () => {
    expect(await lab.complaints.unexpected()).toEqual([]);
  });
}
