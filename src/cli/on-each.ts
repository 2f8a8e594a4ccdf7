/** One thing done to several containers, as Podman reports it: the name of each that it was done to, then what failed. */
import { asIsoError, IsoError } from '../lib/errors.js';
import type { Container } from '../run/records.js';
import type { Selected } from '../run/select-containers.js';
import { printError } from './main.js';
import { writeOut } from './write-out.js';

/** Containers that are acted upon at the same time. */
const AT_ONCE = 16;

/** A text is printed in place of the container's name. */
type Act = (container: Container) => Promise<unknown>;

async function attempt({ container, shown }: Selected, act: Act): Promise<string | IsoError> {
  try {
    const done = await act(container);
    return typeof done === 'string' ? done : shown;
  } catch (error) {
    return asIsoError(error);
  }
}

/** Prints what `act` returns for each, or else its name. @throws IsoError the last failure; others are printed before */
export async function onEach(selected: readonly Selected[], act: Act): Promise<void> {
  const failures: IsoError[] = [];
  for (let at = 0; at < selected.length; at += AT_ONCE) {
    const outcomes = await Promise.all(selected.slice(at, at + AT_ONCE).map((one) => attempt(one, act)));
    for (const outcome of outcomes) {
      if (outcome instanceof IsoError) failures.push(outcome);
      else writeOut(`${outcome}\n`);
    }
  }
  const last = failures.pop();
  for (const failure of failures) printError('iso-run', failure, false);
  if (last) throw last;
}
