/**
 * The variables of every recipe's steps; a recipe adds its own for each architecture. `$${name}` stands for a literal
 * `${name}`. The shell expands `$name`.
 */
export const STEP_VARIABLES = [
  'prefix',
  'dest',
  'inputs',
  'source',
  'recipe',
  'work',
  'jobs',
  'target',
  'arch',
  'build-arch',
  'toolchain',
  'version',
  'epoch',
] as const;

type Values = Readonly<Record<string, string>>;

const REFERENCE = /\$(\$?)\{([^{}]*)\}/g;

/** The names that `text` uses as `${name}`, in order of appearance, each once. */
export function findVariables(text: string): string[] {
  const names = new Set<string>();
  for (const [, escape, name] of text.matchAll(REFERENCE)) {
    if (escape === '' && name !== undefined) names.add(name);
  }
  return [...names];
}

/** Replaces the variables that `values` contains. Does not change the others, nor `$${…}`. */
export function substituteVariables(text: string, values: Values): string {
  return text.replace(REFERENCE, (reference: string, escape: string, name: string) =>
    escape === '' && Object.hasOwn(values, name) ? (values[name] ?? reference) : reference,
  );
}

/**
 * Replaces every variable, and `$${name}` by `${name}`. Throws a `TypeError` for a variable that `values` does not
 * contain.
 */
export function expandVariables(text: string, values: Values): string {
  return text.replace(REFERENCE, (reference: string, escape: string, name: string) => {
    if (escape !== '') return reference.slice(1);
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new TypeError(`no value for the variable ${reference}`);
    return value;
  });
}
