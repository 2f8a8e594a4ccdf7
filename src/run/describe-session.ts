/** Which of the four states of a host this is, and what follows for a user's containers. Pure. */
import type { SessionHost } from '../facts/session-host.js';

export type HostState = 'manager-with-units' | 'manager-without-units' | 'systemd-without-manager' | 'no-systemd';

export interface SessionText {
  state: HostState;
  /** How a launch comes about. */
  launch: string;
  /** What a logout does to containers. */
  logout: string;
}

interface Login {
  name: string;
  /** The policy has `iso-run` ask for linger. */
  onDemand: boolean;
}

export function hostState({ noSystemd, manager, unit }: SessionHost): HostState {
  if (manager) return unit === 'loaded' ? 'manager-with-units' : 'manager-without-units';
  return noSystemd === undefined ? 'systemd-without-manager' : 'no-systemd';
}

function launchText(state: HostState, { unit }: SessionHost): string {
  switch (state) {
    case 'manager-with-units':
      return 'in the session, which is the unit iso-keeper.service of the user manager';
    case 'manager-without-units':
      return `without a session, each container in a scope of the user manager, which does not have iso-keeper.service (${unit})`;
    case 'systemd-without-manager':
    case 'no-systemd':
      return 'in the session, which is a process of the login that made the first launch';
  }
}

function logoutText(state: HostState, { name, onDemand }: Login, { lingering, killsProcesses }: SessionHost): string {
  if (state === 'no-systemd') return 'containers go on: nothing here ends what a login leaves behind';
  if (state === 'systemd-without-manager') {
    if (killsProcesses) return 'containers end with the login that made the first launch (KillUserProcesses=yes)';
    const doubt = killsProcesses === undefined ? ', unless logind is set to end what a login leaves behind' : '';
    return `containers go on${doubt}`;
  }
  if (lingering) return 'containers go on: the user manager lingers';
  const more = onDemand ? 'one that is detached asks for linger' : `\`loginctl enable-linger ${name}\` lets them go on`;
  return `containers end after the last logout, with the user manager; ${more}`;
}

export function describeSession(login: Login, host: SessionHost): SessionText {
  const state = hostState(host);
  return { state, launch: launchText(state, host), logout: logoutText(state, login, host) };
}
