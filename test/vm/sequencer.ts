/** Guests in the order of the list of scenarios, where the one that takes longest is first: two workers then end together. */
import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { scenarios } from './scenarios.mjs';

const ORDER = Object.keys(scenarios);
const placeOf = ({ moduleId }: TestSpecification) => ORDER.indexOf(basename(moduleId, '.test.ts'));

export class ScenarioSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
