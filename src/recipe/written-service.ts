import { z } from 'zod';
import { ANSWER_TYPES, ERROR_FORMS, FILE_READERS, KIT_PARTS, PROTOCOLS, SIGNALS } from '../domain/service.ts';
import * as field from './fields.ts';

/*
 * The written form of services: `init/services/NAME/service.toml`. Strings for command lines, environments and the
 * like may contain `${…}` values.
 */

const instancePath = field.text({
  code: 'bad-path',
  expected: 'a path in the instance, such as "etc/hello.conf"',
  accepts: field.isInstancePath,
});

const command = z.array(z.string().min(1)).min(1);

const paths = z.array(instancePath).default([]);

export const answer = z.strictObject({
  name: field.kebabName.describe('name: --name on the command line, KSB_NAME in the environment'),
  type: z.enum(ANSWER_TYPES).describe('type of the value'),
  default: z.union([z.string(), z.int(), z.boolean()]).optional().describe('default value'),
  help: field.sentence.describe('what it is for'),
  metavar: field.metavar.optional().describe('placeholder in help text, such as HOST'),
  rule: field.pattern.optional().describe('regular expression that the whole value must match'),
  'rule-help': field.sentence.optional().describe('explanation of the rule'),
  choices: z.array(z.string().min(1)).min(1).optional().describe('the values of a choice'),
  minimum: z.int().optional().describe('smallest integer allowed'),
  maximum: z.int().optional().describe('largest integer allowed'),
  repeatable: z.boolean().default(false).describe('may be given several times'),
  secret: z.boolean().default(false).describe('never shown, logged or kept in the receipt'),
});

const listener = z.strictObject({
  answer: field.kebabName.describe('name of the answer, of type host-port, that says where to listen'),
  default: z.string().describe('default value, PORT or HOST:PORT'),
  help: field.sentence.optional().describe('what it is for; default: a sentence that fits any port'),
  protocol: z
    .enum(PROTOCOLS)
    .optional()
    .describe('protocol; default: http with a [wsgi] table, otherwise tcp'),
  repeatable: z
    .boolean()
    .optional()
    .describe('may be given several times; default: true with a [wsgi] table, otherwise false'),
  'public-url': field.kebabName
    .optional()
    .describe('name of the answer, of type url, for the URL that clients use if it differs'),
});

const directory = z.strictObject({
  path: instancePath.describe('directory of the instance, beyond etc, data, keys, log, run and tmp'),
  mode: field
    .text({
      code: 'bad-mode',
      expected: 'a mode such as "0750", without access for all',
      accepts: /^0[0-7]{2}0$/,
    })
    .default('0750')
    .describe('its mode'),
  writable: z.boolean().default(false).describe('whether the service may write to it'),
});

const file = z.strictObject({
  path: instancePath.describe('file of the instance'),
  template: field.innerPath
    .optional()
    .describe("template in the service's templates/ to render it from; default: the base name of path"),
  secret: z.boolean().default(false).describe('may contain secrets, which `plan` does not show'),
  for: z.enum(FILE_READERS).default('service').describe('who may read it: the service, or the operator'),
});

const wsgi = z.strictObject({
  application: field.entryPoint.optional().describe('module:object of the application'),
  script: instancePath
    .optional()
    .describe("one of the service's files that is a WSGI script, instead of application"),
  preload: field.moduleName.optional().describe('module that uWSGI imports before it starts processes'),
  environment: field.environment.default({}).describe('environment of the application'),
  'body-limit': z
    .int()
    .min(0)
    .default(1024 * 1024)
    .describe('largest body of a request, in bytes; 0 for any length'),
  errors: z.enum(ERROR_FORMS).default('html').describe("format of the server's own errors"),
  'process-memory': z.int().min(1).default(256).describe('memory limit of one process, in MiB'),
  logs: paths.describe('logs that the application writes itself'),
});

const daemon = z.strictObject({
  name: field.kebabName.optional().describe("its name in the instance; default: the service's"),
  run: command.describe('program, as a path in the release, and its arguments'),
  reload: z
    .enum(SIGNALS)
    .optional()
    .describe('signal that makes it read its files again; without one it is restarted'),
  files: z
    .array(instancePath)
    .optional()
    .describe("the service's files that it reads; default: all that the service may read"),
  check: command.optional().describe('command of the same form that checks its configuration and exits'),
  ready: z
    .strictObject({
      listener: field.kebabName.optional().describe('wait until it opens the listener of this answer'),
      socket: instancePath.optional().describe('wait until it creates this socket'),
      file: instancePath.optional().describe('wait until it creates this file'),
    })
    .optional()
    .describe('how to detect that it has started'),
  environment: field.environment.default({}).describe('its environment'),
  memory: z.int().min(1).optional().describe('memory limit, in MiB'),
  tasks: z.int().min(1).optional().describe('maximum number of processes and threads'),
  logs: paths.describe('logs that it writes itself'),
});

const data = z.strictObject({
  sqlite: paths.describe('databases of SQLite'),
  directories: paths.describe('directories of files, saved while the service runs'),
  bulky: paths.describe(
    'those of the directories that are too large to be saved before each change; only the command backup saves them',
  ),
  prepare: command
    .optional()
    .describe('program, as a path in the release, that creates the data; a second run must change nothing'),
  upgrade: command
    .optional()
    .describe(
      'program, as a path in the release, that migrates a copy of the data, in ${data}, to this version',
    ),
});

const secret = z.strictObject({
  path: instancePath.describe('file of the instance that contains it'),
  bytes: z
    .int()
    .min(16)
    .max(1024)
    .describe('number of random bytes; the file contains them as hexadecimal digits'),
});

const proof = z.strictObject({
  listener: field.kebabName
    .optional()
    .describe('answer of the listener to test; default: every listener of its protocol'),
  request: field
    .text({ code: 'bad-request', expected: 'a request such as "GET /health"', accepts: /^[A-Z]+ \/\S*$/ })
    .optional()
    .describe('HTTP request to send'),
  status: z.int().min(100).max(599).optional().describe('expected status of the response'),
  body: z.string().min(1).optional().describe('text that the body of the response must contain'),
  send: z.string().min(1).optional().describe('text to send to a listener without HTTP'),
  expect: z.string().min(1).optional().describe('text that the response must contain'),
});

const attempt = z.strictObject({
  name: field.kebabName.describe('name of the output'),
  run: field.sentence.describe('command line for sh, with $RELEASE and $INSTANCE, that prints it'),
});

const generation = z.strictObject({
  module: field.moduleName.describe(
    'Python module to run when the release is built, with the directory to write to as its argument',
  ),
  for: field.distribution.describe('distribution of the bundle whose files they become'),
  uses: z
    .array(field.glob)
    .default([])
    .describe('globs of release paths that do not ship, of files that the module needs'),
});

export const serviceSchema = z
  .strictObject({
    kind: z.literal('service').default('service').describe('kind of recipe'),
    name: field.kebabName.describe('name, the same as that of its directory'),
    summary: field.sentence.describe('what it is, in one line'),
    answer: z.array(answer).default([]).describe('values that the operator may set'),
    listener: z.array(listener).default([]).describe('where it listens'),
    directory: z.array(directory).default([]).describe('directories of the instance'),
    file: z.array(file).default([]).describe('files of the instance that are rendered from templates'),
    wsgi: wsgi.optional().describe('Python application that the kit runs'),
    daemon: z.array(daemon).default([]).describe('programs of the release that run with the instance'),
    data: data.optional().describe('its data'),
    secret: z.array(secret).default([]).describe('random secrets, generated once'),
    proof: z.array(proof).default([]).describe('tests that prove that it works'),
    needs: z
      .array(z.strictObject({ service: field.kebabName.describe('name of the service') }))
      .default([])
      .describe('services that must run before it'),
    provides: z
      .record(field.kebabName, z.string())
      .default({})
      .describe('values for the services that need it, which use them as ${needs.NAME.KEY}'),
    generate: z
      .array(generation)
      .default([])
      .describe('files of the release that its own Python makes when it is built'),
    pages: z
      .array(field.kebabName)
      .default([])
      .describe('names of pages in docs/, beside init/, that its operators read; they ship'),
    try: z.array(attempt).default([]).describe('commands whose output `ksbundle try` shows'),
  })
  .describe('A ksbundle service: something that an instance runs, and that an operator knows by name');

export const kitAnswersSchema = z.strictObject({
  answer: z.array(answer.extend({ for: z.enum(KIT_PARTS) })),
});

export type WrittenService = z.output<typeof serviceSchema>;
export type WrittenAnswer = z.output<typeof answer>;
export type KitAnswers = z.output<typeof kitAnswersSchema>['answer'];
