import type { Rule } from './rule.ts';
import { architecture } from './rules/architecture.ts';
import { buildPath } from './rules/build-path.ts';
import { executableStack } from './rules/executable-stack.ts';
import { fileMode } from './rules/file-mode.ts';
import { glibcFloor } from './rules/glibc-floor.ts';
import { malformedElf } from './rules/malformed-elf.ts';
import { missingModule } from './rules/missing-module.ts';
import { neededLibrary } from './rules/needed-library.ts';
import { nothingScanned } from './rules/nothing-scanned.ts';
import { placeholder } from './rules/placeholder.ts';
import { runpath } from './rules/runpath.ts';
import { shebang } from './rules/shebang.ts';
import { specialFile } from './rules/special-file.ts';
import { symlink } from './rules/symlink.ts';
import { unbilledLibrary } from './rules/unbilled-library.ts';
import { undefinedSymbol } from './rules/undefined-symbol.ts';
import { wheelTag } from './rules/wheel-tag.ts';

/** Every rule of the audit, sorted by name. Without `unused-exception`, which is about recipes. */
export const RULES: readonly Rule[] = [
  architecture,
  buildPath,
  executableStack,
  fileMode,
  glibcFloor,
  malformedElf,
  missingModule,
  neededLibrary,
  nothingScanned,
  placeholder,
  runpath,
  shebang,
  specialFile,
  symlink,
  unbilledLibrary,
  undefinedSymbol,
  wheelTag,
];
