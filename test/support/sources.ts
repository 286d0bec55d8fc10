import type { Archive, ArchiveUrl, Source } from '../../src/domain/recipe.ts';
import { hashBytes } from '../../src/io/files.ts';

/** An archive whose bytes are `content`. */
export function archiveOf(file: string, content: string | Buffer, ...urls: ArchiveUrl[]): Archive {
  return { sha256: hashBytes(content), file, urls };
}

export function sourceOf(...archives: Archive[]): Source {
  return { into: '.', strip: 1, archives };
}

export const https = (url: string): ArchiveUrl => ({ kind: 'https', href: url });
export const debian = (path: string): ArchiveUrl => ({ kind: 'debian', path });
export const python = (project: string, file: string): ArchiveUrl => ({ kind: 'python', project, file });
