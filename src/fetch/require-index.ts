import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Source } from '../domain/recipe.ts';
import { exists } from '../io/files.ts';
import type { FetchContext } from './context.ts';
import { isInMirrors } from './mirrors.ts';

/**
 * Makes sure, before the first byte is fetched, that files which only a Python index has can be looked up at all. Throws
 * `KSB_NO_PYTHON_INDEX` with how many they are, and the package or the setting that tells an index.
 */
export async function requirePythonIndex(sources: readonly Source[], context: FetchContext): Promise<void> {
  const { network, mirrors, store } = context;
  if (network === undefined || mirrors.some(({ kind }) => kind === 'url')) return;
  const waiting: Source[] = [];
  for (const source of sources.filter(isFromIndexAlone)) {
    const there = await Promise.all(source.archives.map(({ sha256 }) => exists(store.pathOf(sha256))));
    if (!there.includes(true) && !(await isInMirrors(source, mirrors))) waiting.push(source);
  }
  if (waiting.length === 0) return;
  const { indexes, findLinks } = await network.pythonIndexes();
  if (indexes.length + findLinks.length > 0) return;
  const files = waiting.length === 1 ? 'one file comes' : `${waiting.length} files come`;
  throw new KsbundleError({
    code: 'KSB_NO_PYTHON_INDEX',
    exitCode: ExitCode.hostTool,
    message: `${files} from a Python index, and none is configured on this machine`,
    why: 'no variable or file of pip or uv configures an index, or one sets no-index; and neither pip nor uv, which know the default index, is installed',
    hint: 'install pip as root (python3-pip with apt, dnf and zypper), or set KSBUNDLE_PYTHON_INDEX=URL; nothing was fetched yet',
  });
}

function isFromIndexAlone({ archives }: Source): boolean {
  return archives.every(({ urls }) => urls.every(({ kind }) => kind === 'python'));
}
