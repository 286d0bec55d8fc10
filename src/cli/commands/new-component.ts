import type { RunCommand } from '../command.ts';
import { create } from './new.ts';

export const run: RunCommand = (call) =>
  create(call, 'component', (name) => [
    `add "${name}" to the components of a bundle, then: ksbundle lock BUNDLE`,
  ]);
