/**
 * Compiles a glob over paths with `/`: `*` and `?` match within one component, `**` matches any number of components,
 * and `{a,b}` alternates (not nested). All other characters match themselves. A glob matches whole paths only. It
 * treats hidden names like any other.
 */
export function compileGlob(glob: string): (path: string) => boolean {
  const pattern = new RegExp(`^${translate(glob)}$`, 'su');
  return (path) => pattern.test(path);
}

/** Compiles several globs: a path matches if at least one of them matches. */
export function compileGlobs(globs: readonly string[]): (path: string) => boolean {
  const matchers = globs.map(compileGlob);
  return (path) => matchers.some((matches) => matches(path));
}

const TOKENS = /\*\*\/|\*\*|\*|\?|\{[^{}]*\}|[\s\S]/gu;

function translate(glob: string): string {
  return (glob.match(TOKENS) ?? []).map(translateToken).join('');
}

function translateToken(token: string): string {
  if (token === '**/') return '(?:[^/]+/)*';
  if (token === '**') return '.*';
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (token.length > 1 && token.startsWith('{'))
    return `(?:${token.slice(1, -1).split(',').map(translate).join('|')})`;
  return token.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&');
}
