const SECRET_PARAMETER =
  /([?&][^=&#\s]*(?:token|secret|signature|password|credential|auth|key)[^=&#\s]*=)[^&#\s]+/gi;
const USER_INFORMATION = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi;

/** Removes credentials from all URLs in `text`. */
export function redactUrl(text: string): string {
  return text.replace(USER_INFORMATION, '$1***@').replace(SECRET_PARAMETER, '$1***');
}
