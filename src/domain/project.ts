/** The file that makes a directory a project and contains its settings. */
export const PROJECT_FILE = 'ksbundle.toml';

/** The component that runs the installer if a bundle names no interpreter. */
export const INSTALLER_PYTHON = 'cpython';

/** Directory of a service that contains the templates of its files. */
export const TEMPLATES_DIRECTORY = 'templates';

/** Declarations of answers that services share, below `init/`. */
export const KIT_ANSWERS = 'installer/kit/answers.toml';
