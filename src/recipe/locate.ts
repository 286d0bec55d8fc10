import { readFile } from 'node:fs/promises';
import type { AST } from 'toml-eslint-parser';
import type { Place } from '../domain/errors.ts';
import type { Document } from './document.ts';
import type { Fault, KeyPath } from './mistake.ts';

type Position = Required<Pick<Place, 'line' | 'column'>>;

interface Span {
  readonly key?: AST.TOMLNode;
  readonly value?: AST.TOMLNode;
}

/**
 * Creates a function that finds the place of a fault in a document's text, or of the nearest table around it. Loads
 * the parser with positions here, because documents without faults do not need it.
 */
export async function createLocator(document: Pick<Document, 'text'>): Promise<(fault: Fault) => Position> {
  const { parseTOML } = await import('toml-eslint-parser');
  const spans = indexNodes(parseTOML(document.text, { tomlVersion: '1.1' }));
  return (fault) => {
    for (let length = fault.path.length; length > 0; length -= 1) {
      const span = spans.get(nameOf(fault.path.slice(0, length)));
      if (span === undefined) continue;
      const node =
        fault.at === 'value' && length === fault.path.length
          ? (span.value ?? span.key)
          : (span.key ?? span.value);
      if (node === undefined) continue;
      return positionWithin(document.text, node, fault.within);
    }
    return { line: 1, column: 1 };
  };
}

function nameOf(path: KeyPath): string {
  return JSON.stringify(path);
}

function positionWithin(text: string, node: AST.TOMLNode, within: string | undefined): Position {
  const [start, end] = node.range;
  const at = within === undefined ? -1 : text.slice(start, end).indexOf(within);
  if (at === -1) return { line: node.loc.start.line, column: node.loc.start.column + 1 };
  const before = text.slice(0, start + at).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

function indexNodes(program: AST.TOMLProgram): Map<string, Span> {
  const spans = new Map<string, Span>();
  const add = (path: KeyPath, span: Span): void => {
    spans.set(nameOf(path), { ...span, ...spans.get(nameOf(path)) });
  };
  const addValue = (path: KeyPath, node: AST.TOMLContentNode): void => {
    add(path, { value: node });
    if (node.type === 'TOMLArray') {
      for (const [index, element] of node.elements.entries()) addValue([...path, index], element);
    } else if (node.type === 'TOMLInlineTable') {
      for (const pair of node.body) addPair(path, pair);
    }
  };
  const addPair = (base: KeyPath, pair: AST.TOMLKeyValue): void => {
    const path = [...base];
    for (const key of pair.key.keys) {
      path.push(key.type === 'TOMLBare' ? key.name : key.value);
      add(path, { key });
    }
    addValue(path, pair.value);
  };
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') {
      addPair([], node);
      continue;
    }
    for (let length = 1; length <= node.resolvedKey.length; length += 1) {
      add(node.resolvedKey.slice(0, length), { key: node.key });
    }
    for (const pair of node.body) addPair(node.resolvedKey, pair);
  }
  return spans;
}

/** The place of a value in a recipe's file, or of the nearest table around it. */
export async function placeInRecipe(file: string, path: KeyPath): Promise<Place> {
  const locate = await createLocator({ text: await readFile(file, 'utf8') });
  return { file, ...locate({ code: '', message: '', path, at: 'value' }) };
}
