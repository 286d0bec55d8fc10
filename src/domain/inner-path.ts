/**
 * A relative path in normal form that stays below its base. Its parts are joined by `/`; no part is empty, `.` or `..`.
 * It contains no backslash and no control character, which would change how a list or a terminal shows it. Every path
 * from a tarball, recipe or archive becomes an inner path before it is used.
 */
export type InnerPath = string & { readonly __brand: 'inner path' };

/** Control characters: C0, DEL and C1. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;

/** Whether a name contains a control character, which could move a cursor or end a line or a string. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

export function isInnerPath(text: string): text is InnerPath {
  if (hasControlCharacter(text) || text.includes('\\')) return false;
  return text.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Whether a symbolic link at `path` with this target stays below the base of `path`. */
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

/** Linux follows at most 40 links and then reports ELOOP. A link that needs more resolves to nothing. */
const MOST_LINKS = 64;

/** Whether following `path` leads out of its tree. `links` contains all symbolic links of the tree, by path. */
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
