/** Replaces user name and password in every URL of `text`. Everything that is shown, logged or recorded passes through it. */
export function redactUrls(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@]+@/gi, '$1***@');
}
