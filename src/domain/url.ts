const SECRET_PARAMETER =
  /([?&][^=&#\s]*(?:token|secret|signature|password|credential|auth|key)[^=&#\s]*=)[^&#\s]+/gi;
const USER_INFORMATION = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi;

/** `text`, a URL or a message with URLs in it, without the credentials of any of them. */
export function redactUrl(text: string): string {
  return text.replace(USER_INFORMATION, '$1***@').replace(SECRET_PARAMETER, '$1***');
}
