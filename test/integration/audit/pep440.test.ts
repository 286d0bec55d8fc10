import { expect, it } from 'vitest';
import { comparePython } from '../../../src/domain/advisories/versions.ts';
import { randomFrom } from '../../support/random.ts';
import { orderOfPackaging } from '../../support/validators/validators.ts';

it("versions of distributions are ordered as by PEP 440's own library", async () => {
  const random = randomFrom(440);
  const pick = (choices: readonly string[]): string => choices[Math.floor(random() * choices.length)] ?? '';
  const number = (): string => pick(['0', '1', '2', '9', '10', '2026']);
  const version = (): string =>
    [
      pick(['', '', '', '', '1!']),
      number(),
      ...[0, 0, 0].map(() => (random() < 0.5 ? `.${number()}` : '')),
      random() < 0.3 ? `${pick(['a', 'b', 'rc', '.alpha', '-c', '_pre'])}${number()}` : '',
      random() < 0.2 ? pick([`.post${number()}`, `-${number()}`, '.rev3']) : '',
      random() < 0.2 ? `.dev${number()}` : '',
      random() < 0.1 ? `+${pick(['abc', 'ubuntu.1', '5', 'abc.5', '5.abc'])}` : '',
    ].join('');
  const pairs = [...Array(5000).keys()].map((): [string, string] => [version(), version()]);
  const expected = await orderOfPackaging(pairs);
  const found = pairs.map(([a, b]) => Math.sign(comparePython(a, b)));
  const differences = pairs.filter((_pair, index) => found[index] !== expected[index]);
  expect(differences).toEqual([]);
  expect(new Set(expected)).toEqual(new Set([-1, 0, 1]));
});
