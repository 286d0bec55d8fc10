import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { compareBytes } from '../domain/compare-bytes.ts';
import type { TaskTimes } from '../domain/store.ts';
import { writeFileAtomically } from '../io/files.ts';

const timesSchema = z.record(z.string(), z.number().nonnegative());

/** Opens the file of task times; they are only informative, so a damaged file counts as empty. */
export function openTaskTimes(file: string): TaskTimes {
  const read = async (): Promise<ReadonlyMap<string, number>> => {
    try {
      return new Map(Object.entries(timesSchema.parse(JSON.parse(await readFile(file, 'utf8')))));
    } catch {
      return new Map();
    }
  };
  const write = async (times: ReadonlyMap<string, number>): Promise<void> => {
    const merged = new Map([...(await read()), ...times]);
    const sorted = [...merged]
      .sort(([a], [b]) => compareBytes(a, b))
      .map(([task, time]) => [task, Math.round(time)]);
    await writeFileAtomically(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
  };
  return { read, write };
}
