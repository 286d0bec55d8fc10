import { escapeMarkup } from '../domain/markup.ts';

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

export type HtmlValue = string | number | Html | readonly Html[];

/**
 * A template for HTML: escapes every value that is not from such a template. Removes indentation, so it cannot contain
 * preformatted text.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return {
    html: strings.map((text, index) => text.replace(/\n\s+/gu, '\n') + render(values[index] ?? '')).join(''),
  };
}

function render(value: HtmlValue): string {
  if (typeof value === 'string') return escapeMarkup(value);
  if (typeof value === 'number') return String(value);
  return 'html' in value ? value.html : value.map(({ html: text }) => text).join('');
}

export const NOTHING: Html = { html: '' };
