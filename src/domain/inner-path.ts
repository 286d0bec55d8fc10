/**
 * A relative path in normal form that stays below its base: parts joined by `/`, none of them empty, `.` or `..`, without a backslash
 * and without control characters, which would change what a list or a terminal shows. Whatever names a path in a
 * tarball, a recipe or an archive becomes one before anything is done with it.
 */
export type InnerPath = string & { readonly __brand: 'inner path' };

/** Control characters: C0, DEL and C1. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;

/** Whether a name holds a character that moves a cursor, ends a line or a string. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

export function isInnerPath(text: string): text is InnerPath {
  if (hasControlCharacter(text) || text.includes('\\')) return false;
  return text.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Whether a symbolic link at `path` that names `target` stays below the base that `path` is relative to. */
export function isInnerLink(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || hasControlCharacter(target)) return false;
  let depth = path.split('/').length - 1;
  for (const part of target.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return true;
}

/** More steps than Linux takes (40) before it says ELOOP; such a link leads nowhere. */
const MOST_LINKS = 64;

/** Whether following `path` leads out of the tree that `links`, by path, are all the symbolic links of. */
export function leavesTree(path: string, links: ReadonlyMap<string, string>): boolean {
  const rest = path.split('/').reverse();
  const at: string[] = [];
  for (let followed = 0; rest.length > 0 && followed <= MOST_LINKS;) {
    const part = rest.pop();
    if (part === undefined || part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return true;
      continue;
    }
    at.push(part);
    const target = links.get(at.join('/'));
    if (target === undefined) continue;
    if (target.startsWith('/')) return true;
    at.pop();
    rest.push(...target.split('/').reverse());
    followed += 1;
  }
  return false;
}
