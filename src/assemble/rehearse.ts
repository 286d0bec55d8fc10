import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import { runConfined, type Confinement } from '../io/confinement.ts';

export interface RehearsalOptions {
  /** The release directory, complete. */
  readonly root: string;
  /** Whether it is for another architecture, so that its Python may not run here. */
  readonly isForeign: boolean;
  readonly confinement: Confinement;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The installer's exit code if only the host does not meet its requirements: `Exit.PREFLIGHT` of
 * init/installer/errors.py.
 */
const HOST_UNFIT = 3;

/**
 * Runs the release's own installer on the release's own Python: it loads the services and renders everything with the
 * default answers, without writing. Warns if the release is for another architecture and does not run here. Throws
 * `KSB_RELEASE_UNUSABLE` with the installer's message if it fails.
 */
export async function rehearseInstall({
  root,
  isForeign,
  confinement,
  emit,
  signal,
}: RehearsalOptions): Promise<void> {
  const command = {
    argv: [path.join(root, 'bin/python3'), '-I', '-S', '-B', path.join(root, 'init/installer'), 'plan'],
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    directory: root,
    view: { readable: [root], writable: [] },
  };
  const result = await runConfined(confinement, command, { signal });
  signal?.throwIfAborted();
  if (result.exitCode === 0 || result.exitCode === HOST_UNFIT) return;
  if (isForeign) {
    emit({
      type: 'warning',
      message: 'the install was not tested: the release is for another architecture',
    });
    return;
  }
  throw new KsbundleError({
    code: 'KSB_RELEASE_UNUSABLE',
    exitCode: ExitCode.failed,
    message:
      'the release cannot be installed: its installer cannot plan an instance with the default answers',
    why:
      result.failedToStart === undefined
        ? `it ended with ${result.exitCode ?? result.signal ?? 'nothing'}`
        : `its Python does not start (${result.failedToStart})`,
    details: result.stderr.trim().split('\n').slice(-20),
    hint: "check the bundle's directory in init/, and the defaults of its answers",
  });
}
