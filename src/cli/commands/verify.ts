import type { VerifyResult } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { withInputFile } from './input-file.ts';
import { pathsOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const options = { keys: pathsOption(call, 'key'), signal: call.signal };
  const result = await withInputFile(call, (file) => call.pipeline.verifyFile(file, options));
  return {
    data: result,
    lines: [
      `${result.release}: ${result.filesChecked} files and all ${formatBytes(result.bytes)} are unchanged since they were packed`,
      `release    sha256:${result.releaseId}`,
      `signature  ${describeSignature(result)}`,
    ],
  };
};

function describeSignature({ signature, keys }: VerifyResult): string {
  switch (signature) {
    case 'valid':
      return `valid, by the key ${keys.map((key) => `sha256:${key}`).join(' and the key ')}`;
    case 'unchecked':
      return 'present, but not checked: use --key PUBLIC_KEY';
    case 'none':
      return 'none';
  }
}
