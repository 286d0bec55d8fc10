/**
 * Lets parallel tasks print one at a time, so that their lines never interleave: the first that prints keeps the turn
 * until it ends; the lines of the others follow, each task in one block.
 */
export interface Turns {
  readonly print: (task: string, line: string) => void;
  readonly end: (task: string) => void;
}

export function createTurns(write: (line: string) => void): Turns {
  let turn: string | undefined;
  const waiting = new Map<string, { readonly lines: string[]; ended: boolean }>();

  const pass = (): void => {
    turn = undefined;
    for (const [task, entry] of [...waiting].sort(([, a], [, b]) => Number(b.ended) - Number(a.ended))) {
      waiting.delete(task);
      entry.lines.forEach(write);
      if (entry.ended) continue;
      turn = task;
      return;
    }
  };

  return {
    print: (task, line) => {
      turn ??= task;
      if (turn === task) {
        write(line);
        return;
      }
      const entry = waiting.get(task) ?? { lines: [], ended: false };
      entry.lines.push(line);
      waiting.set(task, entry);
    },
    end: (task) => {
      const entry = waiting.get(task);
      if (entry !== undefined) entry.ended = true;
      if (turn === task) pass();
    },
  };
}
