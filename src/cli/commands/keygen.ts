import path from 'node:path';
import { KEY_CURVES } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { pathOption } from './path-option.ts';

export const run: RunCommand = async (call) => {
  const result = await call.pipeline.generateKeys({
    file: path.resolve(call.directory, call.positionals[0] ?? ''),
    curve: KEY_CURVES.find((curve) => curve === call.flags.curve),
    passphraseFile: pathOption(call, 'passphrase-file'),
  });
  return {
    data: result,
    lines: [
      `private key  ${result.privateKey} (keep it secret)`,
      `public key   ${result.publicKey} (give it to everyone who installs)`,
      `fingerprint  sha256:${result.key}`,
    ],
  };
};
