import type { Document } from './document.ts';
import { quote, suggest, type Mistake } from './mistake.ts';
import { nearest } from '../domain/nearest.ts';

/** Lists that a bundle adds to, also those of its `python`: its own elements come before those of the bundle that it extends. */
const ADDED = ['components', 'services', 'drop', 'exception', 'embeds', 'vex'] as const;
const ADDED_PYTHON = ['requirements', 'override', 'exclude', 'license', 'launcher', 'precompile'] as const;

/**
 * The documents; a bundle that extends another one also gets that one's keys, except its `earlier` versions. Files that
 * it does not name itself are beside the other one.
 */
export function extendBundles(documents: readonly Document[]): Document[] {
  return documents.map((document) => extend(document, documents));
}

function extend(document: Document, documents: readonly Document[]): Document {
  const found = extensible(document, documents).find(({ name }) => name === extensionOf(document));
  if (found === undefined) return document;
  const base = extend(found, documents);
  const { earlier: _, ...inherited } = base.value;
  const value = extended(document.value, inherited, ADDED);
  const [own, other] = [document.value['python'], inherited['python']];
  const python = isTable(own) && isTable(other) ? { python: extended(own, other, ADDED_PYTHON) } : {};
  return {
    ...document,
    directory: isTable(own) && Object.hasOwn(own, 'constraints') ? document.directory : base.directory,
    value: { ...value, ...python },
  };
}

/** A mistake for each bundle that extends something other than a bundle, or itself, also through others. */
export function checkExtensions(documents: readonly Document[]): Mistake[] {
  return documents.flatMap((document): Mistake[] => {
    const name = extensionOf(document);
    const names = extensible(document, documents).map((each) => each.name);
    if (name === undefined || names.includes(name)) return [];
    return [
      {
        document,
        code: 'unknown-bundle',
        message: `there is no bundle ${quote(name)} that can be extended`,
        hint: suggest(nearest(name, names)),
        path: ['extends'],
        at: 'value',
      },
    ];
  });
}

/** The bundles that this one may extend: all that do not extend it. */
function extensible(document: Document, documents: readonly Document[]): Document[] {
  const bundles = documents.filter(({ kind }) => kind === 'bundle');
  const extending = new Set([document]);
  for (const each of extending) {
    for (const other of bundles) if (extensionOf(other) === each.name) extending.add(other);
  }
  return bundles.filter((each) => !extending.has(each));
}

function extensionOf({ kind, value }: Document): string | undefined {
  return kind === 'bundle' && typeof value['extends'] === 'string' ? value['extends'] : undefined;
}

type Table = Readonly<Record<string, unknown>>;

/** The table with the keys of the other that it lacks, and with the other's elements in these lists. */
function extended(own: Table, other: Table, added: readonly string[]): Table {
  const lists = added
    .filter((key) => Object.hasOwn(own, key) || Object.hasOwn(other, key))
    .map((key) => [key, joined(own[key], other[key])] as const);
  return { ...other, ...own, ...Object.fromEntries(lists) };
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keeps a list of the wrong form, so that the schema reports it. */
function joined(own: unknown = [], base: unknown = []): unknown {
  return Array.isArray(own) && Array.isArray(base) ? [...(own as unknown[]), ...(base as unknown[])] : own;
}
