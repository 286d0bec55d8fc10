/** What makes a directory a project, and holds its settings. */
export const PROJECT_FILE = 'ksbundle.toml';

/** The component that the installer runs on where a bundle names no interpreter of its own. */
export const INSTALLER_PYTHON = 'cpython';

/** Directory of a service that holds the templates of its files. */
export const TEMPLATES_DIRECTORY = 'templates';

/** Where answers that several services may have are declared, below `init/`. */
export const KIT_ANSWERS = 'installer/kit/answers.toml';
