import type { Rule } from '../rule.ts';

/** The kernel reads no more of a shebang line. */
const LINE_SIZE = 256;

/**
 * Scripts that are run need nothing of the host but `/bin/sh`. A module that is not executable may have any line, as
 * those of Python's standard library do: nothing reads it.
 */
export const shebang: Rule = {
  name: 'shebang',
  remedy: "start it from a /bin/sh script that finds the release's interpreter, or remove its execute bit",
  *checkEntry({ path, mode }, bytes) {
    if ((mode & 0o111) === 0 || bytes.toString('latin1', 0, 2) !== '#!') return;
    const [line = ''] = bytes.toString('utf8', 2, LINE_SIZE).split('\n', 1);
    const [interpreter = ''] = line.trim().split(/\s+/u);
    if (interpreter === '/bin/sh' || /^[^/]+\//u.test(interpreter)) return;
    yield { path, subject: interpreter, message: `runs with ${interpreter}, which belongs to the host` };
  },
};
