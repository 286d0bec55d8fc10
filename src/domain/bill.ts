import type { FoundLibrary, Registry } from './libraries/found-library.ts';
import { libraryNamed } from './libraries/table.ts';
import type { Embedded, ManifestComponent, Part } from './manifest.ts';
import { parsePurl } from './purl.ts';

/** A bill of materials, with the facts to compare files with. */
export interface Bill {
  /** The origin of each file, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
  readonly components: readonly Pick<ManifestComponent, 'name' | 'version' | 'requires'>[];
  readonly embeds: readonly Embedded[];
}

/** The entry of a bill for a library in a file. */
export type Billing =
  /** The file is that library's. */
  | { readonly kind: 'itself' }
  /** A component that the file's component was built with. */
  | { readonly kind: 'component'; readonly component: Part }
  /** Embedded in the file's component or wheel. */
  | { readonly kind: 'embedded' }
  /** No entry, or only for another version. */
  | { readonly kind: 'missing'; readonly others: readonly string[] };

/** The entry in `bill` for a library that was found in a file of `part`. */
export function billingOf(bill: Bill, part: Part | undefined, library: FoundLibrary): Billing {
  const isSame = ({ name, version }: Pick<Embedded, 'name' | 'version'>): 'yes' | 'other' | 'no' => {
    if (canonicalName(name) !== canonicalName(library.name)) return 'no';
    return library.versions.length === 0 || library.versions.includes(version) ? 'yes' : 'other';
  };
  const components = library.registry === 'generic' ? requiredComponents(bill, part) : [];
  const embeds = bill.embeds.filter(
    ({ carrier, purl }) => carrier === part && registryOf(purl) === library.registry,
  );
  const component = components.find((each) => isSame(each) === 'yes');
  if (component !== undefined) {
    const found: Part = `component:${component.name}`;
    return found === part ? { kind: 'itself' } : { kind: 'component', component: found };
  }
  if (embeds.some((each) => isSame(each) === 'yes')) return { kind: 'embedded' };
  const others = [...components, ...embeds].filter((each) => isSame(each) === 'other');
  return { kind: 'missing', others: [...new Set(others.map(({ version }) => version))] };
}

/** A component and all its direct and indirect inputs. */
function requiredComponents({ components }: Bill, part: Part | undefined): Bill['components'] {
  const found = new Set<Bill['components'][number]>();
  const add = (name: string | undefined): void => {
    const component = components.find((each) => `component:${each.name}` === name);
    if (component === undefined || found.has(component)) return;
    found.add(component);
    for (const required of component.requires) add(required);
  };
  add(part);
  return [...found];
}

/** The registry of a package URL. */
export function registryOf(purl: string): Registry {
  const type = parsePurl(purl)?.type;
  return type === 'cargo' || type === 'golang' ? type : 'generic';
}

/** The canonical name of a library. */
export function canonicalName(name: string): string {
  return libraryNamed(name)?.name ?? name;
}

/** The part name of an embedded package: `wheel:cryptography/openssl`, `wheel:cryptography/cargo:openssl`. */
export function embeddedPart({ carrier, name, purl }: Pick<Embedded, 'carrier' | 'name' | 'purl'>): Part {
  const registry = registryOf(purl);
  const short = registry === 'generic' ? canonicalName(name) : `${registry}:${name}`;
  return `${carrier as Exclude<Part, 'bundle'>}/${short}`;
}

/** Whether a part is inside another. */
export function isEmbedded(part: Part): boolean {
  return part.includes('/');
}
