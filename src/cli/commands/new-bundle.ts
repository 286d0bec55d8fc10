import type { RunCommand } from '../command.ts';
import { create } from './new.ts';

export const run: RunCommand = (call) =>
  create(call, 'bundle', (name) => [`ksbundle build ${name}`, `ksbundle try ${name}`]);
