import type { CommandSpec } from './command.ts';
import { BUILDING } from './command-table/building.ts';
import { HOUSEKEEPING } from './command-table/housekeeping.ts';
import { TARBALLS } from './command-table/tarballs.ts';

/** All commands, in the order of the help. Single source for parsing, help, completion and docs/cli.md. */
export const COMMANDS: readonly CommandSpec[] = [...BUILDING, ...TARBALLS, ...HOUSEKEEPING];
