import type { FoundLibrary } from './found-library.ts';

/** The marker that Go's linker writes before the build information (see Go's debug/buildinfo). */
export const GO_MARKER = '\xff Go buildinf:';
/** Size of the header, and offset of its flags. */
const HEADER = 32;
const FLAGS = 15;
/** The information follows the header, since Go 1.18; before, pointers led to it. */
const INLINE = 2;
/** Bytes that frame the list of modules on either side. */
const FRAME = 16;

/** Go's library and the modules of a program whose build information begins at `at`. */
export function readGoModules(text: string, at: number): FoundLibrary[] {
  const library: FoundLibrary = { registry: 'generic', name: 'go', versions: [] };
  if ((text.charCodeAt(at + FLAGS) & INLINE) === 0) return [library];
  const version = readText(text, at + HEADER);
  const modules = version === undefined ? undefined : readText(text, version.end);
  const number = /^go(\S+)/.exec(version?.text ?? '')?.[1];
  return [
    { ...library, versions: number === undefined ? [] : [number] },
    ...readModules(modules?.text.slice(FRAME, -FRAME) ?? ''),
  ];
}

/** A text preceded by its length as a varint. */
function readText(text: string, start: number): { readonly text: string; readonly end: number } | undefined {
  let length = 0;
  let at = start;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = text.charCodeAt(at);
    length += (byte & 0x7f) * 2 ** shift;
    at += 1;
    if (byte >= 0x80) continue;
    const end = at + length;
    return end > text.length ? undefined : { text: text.slice(at, end), end };
  }
  return undefined;
}

/** Tab-separated lines of `dep`, module, version and checksum; `=>` replaces the previous module. */
function readModules(text: string): FoundLibrary[] {
  const found: FoundLibrary[] = [];
  for (const line of text.split('\n')) {
    const [kind, name, version] = line.split('\t');
    if (name === undefined || version === undefined) continue;
    if (kind === '=>') found.pop();
    if (kind === 'dep' || kind === '=>') found.push({ registry: 'golang', name, versions: [version] });
  }
  return found;
}
