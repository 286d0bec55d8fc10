import type { RunCommand } from '../command.ts';
import { create } from './new.ts';

export const run: RunCommand = (call) =>
  create(call, 'service', (name) => [`add "${name}" to the services of a bundle, then: ksbundle try BUNDLE`]);
