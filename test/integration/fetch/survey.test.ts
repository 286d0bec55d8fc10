import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createFetchContext, type FetchContext, type FetchOptions } from '../../../src/fetch/context.ts';
import { surveyPlaces } from '../../../src/fetch/survey.ts';
import { openStore } from '../../../src/store/open.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { files, serve } from '../../support/http-server.ts';
import { archiveOf, https, python, sourceOf } from '../../support/sources.ts';

async function contextWith(options: Partial<FetchOptions> = {}): Promise<FetchContext> {
  const directory = await temporaryDirectory();
  const context = await createFetchContext({
    store: await openStore(path.join(directory, 'store')),
    emit: () => undefined,
    hostRoot: directory,
    environment: { HOME: directory, PATH: directory },
    http: { retry: { retries: 0 } },
    ...options,
  });
  onTestFinished(async () => context.network?.http.close());
  return context;
}

test('asks once for each combination of servers, and names those that lack a file', async () => {
  const good = await serve(files({ '/a.tar.gz': 'a', '/b.tar.gz': 'b', '/c.tar.gz': 'c' }));
  const poor = await serve(files({}));
  const sources = ['a', 'b', 'c'].map((name) => {
    const file = `${name}.tar.gz`;
    const urls = [good, ...(name === 'c' ? [poor] : [])].map(({ url }) => https(`${url}/${file}`));
    return sourceOf(archiveOf(file, name, ...urls.toReversed()));
  });
  expect(await surveyPlaces(sources, await contextWith())).toEqual([
    { state: 'ok', message: `missing files can be fetched from ${good.url}` },
    {
      state: 'warning',
      message: 'some places cannot be used; others have their files',
      details: [`${poor.url}: not found (status 404)`],
    },
  ]);
  expect([good.requests, poor.requests]).toEqual([['GET /a.tar.gz', 'GET /c.tar.gz'], ['GET /c.tar.gz']]);
});

test('files that no place has are one fault, grouped by cause', async () => {
  const { url } = await serve(files({}));
  const sources = ['a', 'b', 'c'].map((name) =>
    sourceOf(archiveOf(name, name, https(`${url}/${name}`), python('x', name))),
  );
  expect(await surveyPlaces(sources, await contextWith())).toEqual([
    {
      state: 'fault',
      message: '3 files could not be fetched',
      details: expect.arrayContaining([
        expect.stringMatching(/^cannot fetch a; for the same reason b, c$/),
        `${url}: not found (status 404)`,
      ]),
      hint: expect.stringContaining('KSBUNDLE_PYTHON_INDEX=URL'),
    },
  ]);
});

test('a place that is silent when the time is over has nothing', async () => {
  const { url } = await serve(() => undefined);
  const pages = await contextWith({
    signal: AbortSignal.timeout(300),
    environment: { KSBUNDLE_PYTHON_INDEX: url },
  });
  const sources = [archiveOf('a', 'a', https(`${url}/a`)), archiveOf('b', 'b', python('b', 'b'))];
  expect(
    await surveyPlaces(
      sources.map((archive) => sourceOf(archive)),
      pages,
    ),
  ).toMatchObject([
    { state: 'fault', details: expect.arrayContaining(['the other places: no answer in time']) },
  ]);
});
