"""Templates: `@{name|filter}` is replaced by a value, quoted for the language of the file."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping

_PLACEHOLDER = re.compile(r"@\{([a-z][A-Za-z0-9_./-]*)(?:\|([a-z]+))?\}")


def _quoted(text: str) -> str:
    """An argument of an httpd directive, and of many others: within quotes only `\\` and `"` are special."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _oslo(text: str) -> str:
    """A value of an oslo.config file, where `$` starts a substitution."""
    return text.replace("$", "$$")


def _yaml(text: str) -> str:
    """A scalar in double quotes, like JSON's, but with unprintable characters escaped, as YAML requires."""
    return "".join(
        character if character.isprintable() else f"\\U{ord(character):08x}"
        for character in json.dumps(text, ensure_ascii=False)
    )


def quote_unit_word(text: str) -> str:
    """One word of a list in a unit file of systemd, where `%` starts a specifier. See systemd.syntax(7)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def quote_unit_argument(text: str) -> str:
    """One argument of a command line in a unit file, where `$` starts a variable. See systemd.service(5)."""
    return quote_unit_word(text).replace("$", "$$")


def quote_unit_line(text: str) -> str:
    """An unquoted value of a unit file, up to the end of the line."""
    return text.replace("%", "%%")


FILTERS: Mapping[str, Callable[[str], str]] = {
    "httpd": _quoted,
    "oslo": _oslo,
    "python": repr,
    "quoted": _quoted,
    "shell": shlex.quote,
    "yaml": _yaml,
    "unitword": quote_unit_word,
}


def render(template: str, values: Mapping[str, str]) -> str:
    """Fills `template`. Raises KeyError for a placeholder without a value."""

    def fill(match: re.Match[str]) -> str:
        name, quoting = match.groups()
        return FILTERS[quoting](values[name]) if quoting else values[name]

    return _PLACEHOLDER.sub(fill, template)


def render_file(path: str, values: Mapping[str, str]) -> str:
    """The same for a template file of the release."""
    with open(path, encoding="utf-8") as file:
        return render(file.read(), values)


def fill(module: str, template: str, values: Mapping[str, str]) -> str:
    """The same for one in `templates/` beside a module, which passes its `__file__`."""
    return render_file(os.path.join(os.path.dirname(module), "templates", template), values)
