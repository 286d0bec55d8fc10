import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'toml';
import { KIT_ANSWERS } from '../domain/project.ts';
import { ifThere } from '../io/if-there.ts';
import { kitAnswersSchema, type KitAnswers } from './written-service.ts';

/** The answers that an installer's kit declares; none for an installer without a kit. */
export async function readKitAnswers(init: string): Promise<KitAnswers> {
  const text = await ifThere(readFile(path.join(init, KIT_ANSWERS), 'utf8'));
  return text === undefined ? [] : kitAnswersSchema.parse(parse(text)).answer;
}
