import type { Bundle } from '../domain/recipe.ts';

/** The text of README in a release. */
export function formatReadme(bundle: Bundle): string {
  const { name, version, revision, summary, answers } = bundle;
  const hasHost = answers.some((answer) => answer.name === 'host');
  return `${name} ${version}-${revision}: ${summary}

This directory contains everything that is needed. Nothing is downloaded, and nothing outside is written.

  init/bootstrap.sh${hasHost ? ' --host ADDRESS' : ''}     set up and start an instance
  init/bootstrap.sh --help              all commands and options
  sha256sum -c SHA256SUMS               check every file
  share/doc/index.html                  how to run it, for a browser; the same as text in share/doc/README.md

You may move the directory; then run init/bootstrap.sh again. It creates its files in instance/, or in the directory
that --instance names. Programs are in bin/, the licences of all parts in licenses/. manifest.json lists the contents.
`;
}
