import type { Rule } from '../rule.ts';

/** The number of bytes of a shebang line that the kernel reads. */
const LINE_SIZE = 256;

/**
 * Executable scripts need only `/bin/sh` from the host. A file without the execute bit may have any shebang line, as
 * in Python's standard library: nothing reads it.
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
