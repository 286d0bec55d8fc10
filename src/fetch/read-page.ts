import { KsbundleError } from '../domain/errors.ts';
import type { Network } from './context.ts';
import { PAGE_HEADERS, parsePage, type ListedFile } from './python-page.ts';

/** Options of a request to an index. */
export interface Reach {
  readonly network: Network;
  readonly signal: AbortSignal | undefined;
}

/** The files on a page of an index, or the reason why it cannot be read. */
export async function readPage(
  url: string,
  { network, signal }: Reach,
): Promise<readonly ListedFile[] | { readonly why: string }> {
  try {
    return parsePage(await network.http.getText(url, { headers: PAGE_HEADERS, signal }));
  } catch (error) {
    const why =
      error instanceof KsbundleError
        ? error.facts.why
        : error instanceof SyntaxError
          ? error.message
          : undefined;
    if (why === undefined) throw error;
    return { why };
  }
}
