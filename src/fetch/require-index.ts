import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Source } from '../domain/recipe.ts';
import type { FetchContext } from './context.ts';
import { missingSources } from './missing.ts';

/**
 * Checks, before the first byte is fetched, that an index is configured for the files that only a Python index has.
 * Throws `KSB_NO_PYTHON_INDEX` with the number of these files, and the package or setting that provides an index.
 */
export async function requirePythonIndex(sources: readonly Source[], context: FetchContext): Promise<void> {
  const { network, mirrors } = context;
  if (network === undefined || mirrors.some(({ kind }) => kind === 'url')) return;
  const waiting = await missingSources(sources.filter(isFromIndexAlone), context);
  if (waiting.length === 0) return;
  const { indexes, findLinks } = await network.pythonIndexes();
  if (indexes.length + findLinks.length > 0) return;
  const files = waiting.length === 1 ? 'one file comes' : `${waiting.length} files come`;
  throw new KsbundleError({
    code: 'KSB_NO_PYTHON_INDEX',
    exitCode: ExitCode.hostTool,
    message: `${files} from a Python index, and none is configured on this machine`,
    why: 'no setting of pip or uv names an index, or one forbids it (no-index), and neither pip nor uv is installed to provide the default index',
    hint: 'install pip as root (python3-pip with apt, dnf and zypper), or set KSBUNDLE_PYTHON_INDEX=URL; nothing was fetched yet',
  });
}

function isFromIndexAlone({ archives }: Source): boolean {
  return archives.every(({ urls }) => urls.every(({ kind }) => kind === 'python'));
}
