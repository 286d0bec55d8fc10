/** What makes a directory a project, and holds its settings. */
export const PROJECT_FILE = 'ksbundle.toml';

/** Directory of a service that holds the templates of its files. */
export const TEMPLATES_DIRECTORY = 'templates';

/** Where answers that several services may have are declared, below `init/`. */
export const KIT_ANSWERS = 'installer/kit/answers.toml';
