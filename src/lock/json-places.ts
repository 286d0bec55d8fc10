/** A problem that a scan of JSON text found; `offset` counts UTF-16 units from 0. */
export interface JsonFault {
  readonly offset: number;
  readonly expected: string;
}

export interface JsonPlaces {
  /** Offset of the value (for a member: of its key) at a path such as `wheels.3.name`; the root's path is empty. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Set if the text is not JSON; `offsets` then contains only values before the fault. */
  readonly fault?: JsonFault;
}

const TOKEN =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/**
 * Finds the position of every value in a JSON document. `JSON.parse` reports no positions of values, and that of a
 * mistake only in some versions of Node.
 */
export function locateJson(text: string): JsonPlaces {
  const offsets = new Map<string, number>();
  try {
    new Scan(text, offsets).document();
    return { offsets };
  } catch (error) {
    if (error instanceof Fault) return { offsets, fault: { offset: error.offset, expected: error.message } };
    throw error;
  }
}

/** Line and column, from 1, of an offset. */
export function placeOfOffset(
  text: string,
  offset: number,
): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

class Fault extends Error {
  readonly offset: number;

  constructor(offset: number, expected: string) {
    super(expected);
    this.offset = offset;
  }
}

class Scan {
  readonly text: string;
  readonly offsets: Map<string, number>;
  position = 0;

  constructor(text: string, offsets: Map<string, number>) {
    this.text = text;
    this.offsets = offsets;
  }

  document(): void {
    this.offsets.set('', this.skipSpace());
    this.value('');
    this.skipSpace();
    if (this.position < this.text.length) throw new Fault(this.position, 'the end of the file');
  }

  value(path: string): void {
    this.skipSpace();
    const first = this.text[this.position];
    if (first === '{') return this.sequence('}', () => this.member(path));
    if (first === '[') return this.sequence(']', (index) => this.element(join(path, String(index))));
    this.token('a value');
  }

  /** Reads a list of `entry`s up to `close`, with commas between them; the opening bracket is the next character. */
  sequence(close: string, entry: (index: number) => void): void {
    this.position += 1;
    this.skipSpace();
    if (this.text[this.position] === close) {
      this.position += 1;
      return;
    }
    for (let index = 0; ; index += 1) {
      entry(index);
      this.skipSpace();
      const next = this.text[this.position];
      if (next !== ',' && next !== close) throw new Fault(this.position, `"," or "${close}"`);
      this.position += 1;
      if (next === close) return;
    }
  }

  member(path: string): void {
    const start = this.skipSpace();
    if (this.text[start] !== '"') throw new Fault(start, 'a key in double quotes');
    const child = join(path, String(JSON.parse(this.token('a key in double quotes'))));
    this.offsets.set(child, start);
    this.skipSpace();
    if (this.text[this.position] !== ':') throw new Fault(this.position, '":"');
    this.position += 1;
    this.value(child);
  }

  element(path: string): void {
    this.offsets.set(path, this.skipSpace());
    this.value(path);
  }

  token(expected: string): string {
    TOKEN.lastIndex = this.position;
    const [token] = TOKEN.exec(this.text) ?? [];
    if (token === undefined) throw new Fault(this.position, expected);
    this.position += token.length;
    return token;
  }

  skipSpace(): number {
    while (/[ \t\r\n]/.test(this.text[this.position] ?? '')) this.position += 1;
    return this.position;
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
