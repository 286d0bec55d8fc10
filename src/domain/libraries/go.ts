import type { FoundLibrary } from './found-library.ts';

/** The marker that Go's linker writes before the facts of the build (see debug/buildinfo in Go's library). */
export const GO_MARKER = '\xff Go buildinf:';
/** Bytes of the header, and where in it the flags are. */
const HEADER = 32;
const FLAGS = 15;
/** The facts follow the header: Go 1.18 and later. Before, pointers led to them. */
const INLINE = 2;
/** Bytes that frame the list of modules on either side. */
const FRAME = 16;

/** Go's own library and the modules that a program was built of, whose facts begin at `at`. */
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

/** A text after its length as a variable-length number of seven bits a byte. */
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

/** Lines of `dep`, module, version and checksum by tabs; one of `=>` tells what stands in for the module before. */
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
