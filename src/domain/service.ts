/*
 * Services as the installer reads them from `init/bundle.json`; `init/installer/service/declaration.py` has the same
 * keys.
 */

export const PROTOCOLS = ['http', 'tcp'] as const;
export const FILE_READERS = ['service', 'operator'] as const;
export const ERROR_FORMS = ['json', 'html'] as const;
export const SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** The parts of the kit that a service may use; each declares its own answers. */
export const KIT_PARTS = ['listener', 'http', 'wsgi'] as const;
export type KitPart = (typeof KIT_PARTS)[number];

/** Filters that quote a value, as in `@{release|shell}`; `init/installer/bundle/render.py` has them. */
export const TEMPLATE_FILTERS: readonly string[] = [
  'httpd',
  'oslo',
  'python',
  'quoted',
  'shell',
  'unitword',
  'yaml',
];

/** Names that the installer reserves in an instance; `init/installer/state/instance.py` has them. */
export const RESERVED_NAMES: readonly string[] = [
  'backups',
  'journal',
  'lock',
  'receipt.json',
  'restoring',
  'supervisor',
];

/** Directories that every instance has. */
export const INSTANCE_DIRECTORIES = ['etc', 'data', 'keys', 'log', 'run', 'tmp'] as const;

/** A value that the operator may set; docs/recipes.md describes the types. */
export interface Answer {
  readonly name: string;
  readonly type: AnswerType;
  /** Default as text; absent if there is none or bootstrap derives it. */
  readonly default?: string;
  readonly help: string;
  /** Placeholder in help text, for example `HOST`. */
  readonly metavar?: string;
  /** Regular expression the whole value must match. */
  readonly rule?: string;
  /** Explanation of the rule, for the error message. */
  readonly ruleHelp?: string;
  readonly choices?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly repeatable: boolean;
  readonly secret: boolean;
}

export const ANSWER_TYPES = [
  'string',
  'host',
  'host-port',
  'integer',
  'choice',
  'path',
  'url',
  'boolean',
] as const;
export type AnswerType = (typeof ANSWER_TYPES)[number];

type Environment = Readonly<Record<string, string>>;

/** An address to listen on, the value of the named answer. */
export interface Listener {
  readonly answer: string;
  readonly protocol: (typeof PROTOCOLS)[number];
  /** Answer with the URL for clients. */
  readonly publicUrl?: string;
}

export interface ServiceDirectory {
  readonly path: string;
  readonly mode: string;
  /** Whether it belongs to the service's account. */
  readonly writable: boolean;
}

/** A file of the instance that is rendered. */
export interface ServiceFile {
  readonly path: string;
  /** Name in the service's `templates/`. */
  readonly template: string;
  readonly secret: boolean;
  readonly for: (typeof FILE_READERS)[number];
}

/** A Python application that the kit's servers run; it has either `application` or `script`. */
export interface Wsgi {
  readonly application?: string;
  readonly script?: string;
  readonly preload?: string;
  readonly environment: Environment;
  readonly bodyLimit: number;
  readonly errors: (typeof ERROR_FORMS)[number];
  /** MiB. */
  readonly processMemory: number;
  readonly logs: readonly string[];
}

export interface Daemon {
  readonly name: string;
  /** The first is a path in the release. */
  readonly run: readonly string[];
  readonly reload?: (typeof SIGNALS)[number];
  readonly files: readonly string[];
  readonly check?: readonly string[];
  /** One of the three. */
  readonly ready?: { readonly listener?: string; readonly socket?: string; readonly file?: string };
  readonly environment: Environment;
  /** MiB. */
  readonly memory?: number;
  readonly tasks?: number;
  readonly logs: readonly string[];
}

export interface ServiceData {
  readonly sqlite: readonly string[];
  readonly directories: readonly string[];
  /** Directories that only manual backups contain. */
  readonly bulky: readonly string[];
  readonly prepare?: readonly string[];
  readonly upgrade?: readonly string[];
}

/** A test that the service works, on one listener or on all of its protocol. */
export type Proof = { readonly listener?: string } & (
  | { readonly request: string; readonly status: number; readonly body?: string }
  | { readonly send: string; readonly expect: string }
);

/** A part of an instance that operators know by name, with all defaults filled in. */
export interface Service {
  readonly name: string;
  readonly summary: string;
  /** Whether it has its own code, `hooks.py`. */
  readonly hooks: boolean;
  readonly listeners: readonly Listener[];
  readonly directories: readonly ServiceDirectory[];
  readonly files: readonly ServiceFile[];
  readonly wsgi?: Wsgi;
  readonly daemons: readonly Daemon[];
  readonly data?: ServiceData;
  readonly secrets: readonly { readonly path: string; readonly bytes: number }[];
  readonly proofs: readonly Proof[];
  /** Names of services that must run before it. */
  readonly needs: readonly string[];
  readonly provides: Environment;
}
