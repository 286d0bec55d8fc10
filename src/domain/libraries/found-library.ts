/** Namespace of package names: Rust's registry, Go's, or upstream. */
export type Registry = 'cargo' | 'golang' | 'generic';

/** Code of another project in a file. */
export interface FoundLibrary {
  readonly registry: Registry;
  readonly name: string;
  /** Its possible versions; empty if the file does not contain one. */
  readonly versions: readonly string[];
}
