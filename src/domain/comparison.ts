import { embeddedPart } from './bill.ts';
import {
  nameOfPart,
  type Embedded,
  type Manifest,
  type ManifestFile,
  type ManifestLink,
  type Part,
} from './manifest.ts';
import type { ChangedFile, ChangedPart } from './results.ts';

export interface ReleaseComparison {
  /** Every part that differs: the bundle, components, wheels, their embedded parts, and finally removed ones. */
  readonly parts: readonly ChangedPart[];
  /** Every file and link that differs, sorted by path. */
  readonly files: readonly ChangedFile[];
}

/** The differences between two releases; none if and only if their manifests are equal. */
export function compareReleases(before: Manifest, after: Manifest): ReleaseComparison {
  const old = partsOf(before);
  const now = partsOf(after);
  return {
    parts: unionOfKeys(old, now).flatMap((part) => comparePart(old.get(part), now.get(part))),
    files: compareFiles(before, after),
  };
}

type Entry = ManifestFile | ManifestLink;

interface DescribedPart {
  readonly kind: ChangedPart['kind'];
  readonly name: string;
  readonly version: string;
  /** All its facts in the manifest. */
  readonly facts: { readonly files: readonly Entry[] };
}

function partsOf({ files, components, wheels, embeds = [], ...release }: Manifest): Map<Part, DescribedPart> {
  const filesOf = new Map<Part, Entry[]>();
  for (const entry of files) {
    const known = filesOf.get(entry.part);
    if (known === undefined) filesOf.set(entry.part, [entry]);
    else known.push(entry);
  }
  const described = new Map<Part, DescribedPart>();
  const describe = (
    kind: 'bundle' | 'component' | 'wheel',
    name: string,
    facts: { readonly version: string },
  ): void => {
    const part: Part = kind === 'bundle' ? kind : `${kind}:${name}`;
    const { version } = facts;
    described.set(part, { kind, name, version, facts: { ...facts, files: filesOf.get(part) ?? [] } });
  };
  describe('bundle', release.bundle, { ...release, version: `${release.version}-${release.revision}` });
  for (const component of components) describe('component', component.name, component);
  for (const wheel of wheels) describe('wheel', wheel.name, wheel);
  for (const part of new Set(embeds.map(embeddedPart))) {
    const those = embeds.filter((each) => embeddedPart(each) === part);
    const version = those.map((each) => each.version).join(', ');
    described.set(part, { kind: 'embedded', name: nameOfPart(part), version, facts: factsOf(those) });
  }
  return described;
}

/** Each fact as a list over all versions: Rust links several versions of a crate into one file. */
function factsOf(embeds: readonly Embedded[]): DescribedPart['facts'] {
  const keys = new Set(embeds.flatMap((each) => Object.keys(each) as (keyof Embedded)[]));
  const facts = [...keys].map((key) => [key, embeds.map((each) => each[key])]);
  return { ...Object.fromEntries(facts), files: [] };
}

function comparePart(before: DescribedPart | undefined, after: DescribedPart | undefined): ChangedPart[] {
  const { kind, name } = (after ?? before) as DescribedPart;
  const growth = sizeOf(after) - sizeOf(before);
  if (before === undefined) return [{ kind, name, to: after?.version ?? '', changed: [], growth }];
  if (after === undefined) return [{ kind, name, from: before.version, changed: [], growth }];
  const changed = differingKeys(before.facts, after.facts);
  return changed.length === 0
    ? []
    : [{ kind, name, from: before.version, to: after.version, changed, growth }];
}

function compareFiles(before: Manifest, after: Manifest): ChangedFile[] {
  const old = new Map(before.files.map((file) => [file.path, file]));
  const now = new Map(after.files.map((file) => [file.path, file]));
  return unionOfKeys(old, now)
    .toSorted()
    .flatMap((path): ChangedFile[] => {
      const [from, to] = [old.get(path), now.get(path)];
      const { part } = (to ?? from) as Entry;
      if (from === undefined) return [{ path, part, change: 'added', changed: [] }];
      if (to === undefined) return [{ path, part, change: 'removed', changed: [] }];
      const changed = differingKeys(from, to);
      return changed.length === 0 ? [] : [{ path, part, change: 'changed', changed }];
    });
}

function unionOfKeys<Key>(one: ReadonlyMap<Key, unknown>, other: ReadonlyMap<Key, unknown>): Key[] {
  return [...new Set([...other.keys(), ...one.keys()])];
}

/** Names of entries that differ or exist on one side only. */
function differingKeys(one: object, other: object): string[] {
  const [old, now] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  return unionOfKeys(old, now).filter((key) => JSON.stringify(old.get(key)) !== JSON.stringify(now.get(key)));
}

function sizeOf(part: DescribedPart | undefined): number {
  return (part?.facts.files ?? []).reduce((total, entry) => total + ('size' in entry ? entry.size : 0), 0);
}
