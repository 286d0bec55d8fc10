import type { Rule } from '../rule.ts';
import type { ScannedEntry } from '../scan.ts';

/** Everybody may read every file, only the owner may write, and no file is setuid or setgid. */
export const fileMode: Rule = {
  name: 'file-mode',
  remedy: 'install directories and programs with mode 0755, other files with 0644',
  *checkEntry(entry) {
    const problem = explainMode(entry);
    if (problem === undefined) return;
    const octal = entry.mode.toString(8).padStart(4, '0');
    yield { path: entry.path, subject: octal, message: `has mode ${octal}: ${problem}` };
  },
};

function explainMode({ kind, mode, unreadable }: ScannedEntry): string | undefined {
  if (kind === 'symlink') return undefined;
  if (unreadable === true) return 'the audit cannot read it';
  if ((mode & 0o6000) !== 0) return 'it is setuid or setgid';
  if ((mode & 0o002) !== 0) return 'all users may write to it';
  const readable = kind === 'directory' ? 0o555 : 0o444;
  return (mode & readable) === readable ? undefined : 'not all users may read it';
}
