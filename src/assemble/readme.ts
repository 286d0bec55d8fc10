import type { Bundle } from '../domain/recipe.ts';

/** The text of README in a release. */
export function formatReadme(bundle: Bundle): string {
  const { name, version, revision, summary, answers } = bundle;
  const hasHost = answers.some((answer) => answer.name === 'host');
  return `${name} ${version}-${revision}: ${summary}

Everything that is needed is in this directory; nothing is downloaded and nothing outside is written.

  init/bootstrap.sh${hasHost ? ' --host ADDRESS' : ''}     set up and start an instance
  init/bootstrap.sh --help              all commands and options
  sha256sum -c SHA256SUMS               check every file

The directory may be moved: run init/bootstrap.sh again afterwards. What it creates lies in instance/, or where
--instance says. bin/ holds programs, licenses/ the licence of every part, manifest.json what is inside.
`;
}
