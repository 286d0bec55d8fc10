import { billingOf, type Bill } from '../domain/bill.ts';
import type { LibraryInFile } from '../domain/audit.ts';
import type { Part } from '../domain/manifest.ts';
import type { ReleaseFiles } from './release.ts';

/**
 * Every library that was found in a file, with its entry in the bill if there is a bill. In the order of the files.
 */
export function listLibraries({ elfFiles }: Pick<ReleaseFiles, 'elfFiles'>, bill?: Bill): LibraryInFile[] {
  const owners = new Map<string, Part | undefined>(
    elfFiles.flatMap(({ path, file }) => {
      const soname = file.dynamic?.soname;
      return soname === undefined ? [] : [[soname, bill?.parts.get(path)]];
    }),
  );
  return elfFiles.flatMap(({ path, file, libraries }) =>
    libraries.map((library): LibraryInFile => {
      const found = { path, ...library };
      if (bill === undefined) return found;
      const part = bill.parts.get(path);
      const billing = billingOf(bill, part, library);
      if (billing.kind === 'missing') return found;
      if (billing.kind !== 'component') return { ...found, billed: billing.kind };
      const isShared = (file.dynamic?.needed ?? []).some(
        (soname) => owners.get(soname) === billing.component,
      );
      return { ...found, billed: isShared ? 'shared' : 'linked', component: billing.component };
    }),
  );
}
