import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'toml';
import type { Sha256 } from '../domain/digest.ts';
import { isErrnoException, type Place } from '../domain/errors.ts';
import { hashBytes } from '../io/files.ts';
import type { RecipeKind } from './written.ts';

/** A recipe file that was read and is TOML; what its values are worth is not known yet. */
export interface Document {
  readonly kind: RecipeKind;
  /** Name of the directory it lies in. */
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  readonly directory: string;
  readonly text: string;
  readonly sha256: Sha256;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A file of recipes that cannot be read as TOML. */
export interface Unreadable {
  readonly place: Place;
  readonly message: string;
}

const FILE_NAMES = ['bundle.toml', 'recipe.toml'];

/** Reads every `<name>/recipe.toml` and `<name>/bundle.toml` of a directory, by name. Throws if there is no directory. */
export async function readDocuments(directory: string): Promise<(Document | Unreadable)[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const files = names
    .map((entry) => entry.name)
    .sort()
    .flatMap((name) => FILE_NAMES.map((file) => path.join(directory, name, file)));
  const documents = await Promise.all(files.map(readDocument));
  return documents.filter((document) => document !== undefined);
}

async function readDocument(file: string): Promise<Document | Unreadable | undefined> {
  const bytes = await readIfThere(file);
  if (bytes === undefined) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value = parse(text) as Record<string, unknown>;
    const directory = path.dirname(file);
    const name = path.basename(directory);
    return { kind: kindOf(file, value), name, file, directory, text, sha256: hashBytes(bytes), value };
  } catch (error) {
    return { place: { file, ...positionOf(error) }, message: describeSyntaxError(error) };
  }
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isErrnoException(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function kindOf(file: string, value: Readonly<Record<string, unknown>>): RecipeKind {
  if (path.basename(file) === 'bundle.toml') return 'bundle';
  return value['kind'] === 'toolchain' ? 'toolchain' : 'component';
}

/** Where the parser stopped: its grammar errors carry a location, its rules about keys a line and a column. */
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
  // A grammar error lists every token that could have followed, which tells a person nothing.
  const [, found] = /^Expected [\s\S]* but ([\s\S]*) found\.$/.exec(message) ?? [];
  return found === undefined
    ? message.replace(/\.$/, '')
    : `not TOML: unexpected ${found === '"\\n"' ? 'end of line' : found}`;
}
