/** `--filter` of `iso-run ps`: filters of one key are alternatives, different keys must all hold. Pure. */
import { IsoError } from '../lib/errors.js';
import { type Container, findContainer } from './records.js';

type Test = (container: Container) => boolean;

const refuse = (filter: string, why: string) =>
  new IsoError('usage.invalid', `cannot use --filter ${filter}`, why, {
    hint: 'use name=, id=, status=, label=, ancestor=, exited=, before= or since=',
  });

const STATES = ['created', 'running', 'paused', 'exited', 'stopped', 'dead'];

function isState({ state, running, paused }: Container, wanted: string): boolean {
  if (wanted === 'paused') return paused;
  if (wanted === 'running') return running && !paused;
  if (wanted === 'dead') return state.status === 'exited' && state.exitCode === undefined;
  return state.status === (wanted === 'stopped' ? 'exited' : wanted);
}

const withTag = (image: string) => (/:[^/]*$/.test(image) ? image : `${image}:latest`);

/** What one value of one key asks. `all` are the containers that `before` and `since` name. */
const KEYS: Record<string, (value: string, all: readonly Container[]) => Test> = {
  name:
    (value) =>
    ({ record }) =>
      record.name.includes(value),
  id:
    (value) =>
    ({ record }) =>
      record.id.startsWith(value),
  status: (value) => {
    if (!STATES.includes(value)) throw refuse(`status=${value}`, `it is none of ${STATES.join(', ')}`);
    return (container) => isState(container, value);
  },
  label: (value) => {
    const [, name = '', wanted] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? [];
    return ({ record: { labels = {} } }) =>
      Object.hasOwn(labels, name) && (wanted === undefined || labels[name] === wanted);
  },
  ancestor:
    (value) =>
    ({ record }) =>
      record.image === withTag(value),
  exited: (value) => {
    if (!/^\d{1,3}$/.test(value)) throw refuse(`exited=${value}`, 'it is no exit status');
    return ({ state }) => state.status === 'exited' && state.exitCode === Number(value);
  },
  before: (value, all) => {
    const { record: than } = findContainer(all, value);
    return ({ record }) => record.created < than.created;
  },
  since: (value, all) => {
    const { record: than } = findContainer(all, value);
    return ({ record }) => record.created > than.created;
  },
};

/** @throws IsoError usage.invalid, container.missing */
export function filterContainers(containers: readonly Container[], filters: readonly string[]): Container[] {
  const tests = new Map<string, Test[]>();
  for (const filter of filters) {
    const [, key = '', value = ''] = /^([a-z]+)=(.*)$/s.exec(filter) ?? [];
    const make = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (!make || value === '') throw refuse(filter, 'it is not KEY=VALUE with a key that is known');
    tests.set(key, [...(tests.get(key) ?? []), make(value, containers)]);
  }
  return containers.filter((container) => [...tests.values()].every((any) => any.some((test) => test(container))));
}
