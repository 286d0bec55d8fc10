import type { Location, Packing, Source } from '../../src/domain/recipe.ts';
import { hashBytes } from '../../src/io/files.ts';

/** A packing whose bytes are `content`. */
export function packingOf(file: string, content: string | Buffer, ...locations: Location[]): Packing {
  return { sha256: hashBytes(content), file, locations };
}

export function sourceOf(...packings: Packing[]): Source {
  return { into: '.', strip: 1, packings };
}

export const https = (url: string): Location => ({ kind: 'https', url });
export const debian = (path: string): Location => ({ kind: 'debian', path });
export const python = (project: string, file: string): Location => ({ kind: 'python', project, file });
