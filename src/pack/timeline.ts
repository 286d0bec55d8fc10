import { z } from 'zod';
import { digestSchema } from '../domain/digest-schema.ts';
import type { Timeline } from '../domain/timeline.ts';

/** File with the timeline of a tarball's build. */
export function timelineFile(tarball: string): string {
  return `${tarball}.build.json`;
}

const milliseconds = z.number().nonnegative();
const schema = z.object({
  format: z.literal(1),
  tarball: digestSchema,
  tasks: z.array(
    z.object({
      task: z.string(),
      title: z.string(),
      outcome: z.enum(['done', 'reused', 'failed', 'interrupted']),
      start: milliseconds,
      time: milliseconds,
    }),
  ),
});

/** Parses a timeline; undefined if it does not have format 1. */
export function parseTimeline(text: string): Timeline | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function formatTimeline(timeline: Timeline): string {
  return `${JSON.stringify(timeline, null, 1)}\n`;
}
