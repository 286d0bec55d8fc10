import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'toml';
import type { Sha256 } from '../domain/digest.ts';
import type { Place } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { hashBytes } from '../io/files.ts';
import type { RecipeKind } from './written.ts';

/** A recipe file that was parsed as TOML; its values are not checked yet. */
export interface Document {
  readonly kind: RecipeKind;
  /** Name of its directory. */
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  readonly directory: string;
  readonly text: string;
  readonly sha256: Sha256;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A recipe that exists but cannot be read as TOML. */
export interface Unreadable {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly place: Place;
}

export interface ReadDocuments {
  readonly documents: readonly Document[];
  readonly unreadable: readonly Unreadable[];
}

const RECIPES = { files: ['bundle.toml', 'recipe.toml'], lacks: 'neither recipe.toml nor bundle.toml' };
const SERVICES = { files: ['service.toml'], lacks: 'no service.toml' };

/**
 * Reads every `<name>/recipe.toml` and `<name>/bundle.toml` of a directory, in the order of names; skips hidden and
 * empty directories. Throws if the directory does not exist.
 */
export function readDocuments(root: string): Promise<ReadDocuments> {
  return readAll(root, RECIPES);
}

/** The same for every `<name>/service.toml`. */
export function readServices(root: string): Promise<ReadDocuments> {
  return readAll(root, SERVICES);
}

async function readAll(root: string, expected: typeof RECIPES): Promise<ReadDocuments> {
  const entries = await readdir(root, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const documents = await Promise.all(
    names
      .map((entry) => entry.name)
      .sort()
      .map((name) => readDirectory(name, path.join(root, name), expected)),
  );
  const all = documents.flat();
  return {
    documents: all.filter((each): each is Document => 'kind' in each),
    unreadable: all.filter((each): each is Unreadable => !('kind' in each)),
  };
}

async function readDirectory(
  name: string,
  directory: string,
  { files: known, lacks }: typeof RECIPES,
): Promise<(Document | Unreadable)[]> {
  const there = (await readdir(directory)).sort();
  const files = known.filter((file) => there.includes(file));
  if (files.length > 0)
    return Promise.all(files.map((file) => readDocument(name, path.join(directory, file))));
  if (there.length === 0) return [];
  const misnamed = there.find((file) => nearest(file, known) !== undefined);
  return [
    {
      name,
      code: 'no-recipe',
      message: `the directory contains ${lacks}`,
      place: { file: directory },
      ...(misnamed === undefined ? {} : { hint: `rename ${misnamed} to ${nearest(misnamed, known) ?? ''}` }),
    },
  ];
}

async function readDocument(name: string, file: string): Promise<Document | Unreadable> {
  const bytes = await readFile(file);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value = parse(text) as Record<string, unknown>;
    return {
      kind: kindOf(file, value),
      name,
      file,
      directory: path.dirname(file),
      text,
      sha256: hashBytes(bytes),
      value,
    };
  } catch (error) {
    return {
      name,
      code: 'syntax',
      message: describeSyntaxError(error),
      place: { file, ...positionOf(error) },
    };
  }
}

function kindOf(file: string, value: Readonly<Record<string, unknown>>): RecipeKind {
  const base = path.basename(file, '.toml');
  if (base === 'bundle' || base === 'service') return base;
  const { kind } = value;
  return kind === 'toolchain' || kind === 'tool' ? kind : 'component';
}

/** Where the parser stopped: grammar errors have a location, errors about keys a line and a column. */
function positionOf(error: unknown): { readonly line?: number; readonly column?: number } {
  const { location, line, column } = error as {
    readonly location?: { readonly start: { readonly line: number; readonly column: number } };
    readonly line?: number;
    readonly column?: number;
  };
  if (location !== undefined) return { line: location.start.line, column: location.start.column };
  return line === undefined || column === undefined ? {} : { line, column };
}

function describeSyntaxError(error: unknown): string {
  if (error instanceof TypeError) return 'the file is not UTF-8 text';
  const message = error instanceof Error ? error.message : String(error);
  // A grammar error lists every token that could have followed, which does not help the user.
  const [, found] = /^Expected [\s\S]* but ([\s\S]*) found\.$/.exec(message) ?? [];
  return found === undefined
    ? `not TOML: ${message.replace(/\.$/, '')}`
    : `not TOML: unexpected ${found === '"\\n"' ? 'end of line' : found}`;
}
