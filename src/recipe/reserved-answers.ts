/**
 * Options of every installer. A recipe cannot declare an answer with one of these names.
 * `init/installer/answers/own.py` and `arguments.py` define them; test/unit/init/test_own_answers.py compares.
 */
export const RESERVED_ANSWERS: ReadonlySet<string> = new Set([
  'answers',
  'create-user',
  'from',
  'help',
  'instance',
  'json',
  'purge',
  'recipient',
  'remove-user',
  'require-signature',
  'service',
  'service-name',
  'to',
  'user',
  'version',
  'yes',
]);
