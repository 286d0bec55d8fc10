"""Answers as options of init/bootstrap.sh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = """
name: options
short_description: answers as options of init/bootstrap.sh
description: A list makes an option repeated; an empty value restores the default.
options:
  _input:
    description: Values of answers, by name.
    type: dict
    required: true
"""
EXAMPLES = """
argv: "{{ {'port': [8080, 8081]} | ksbundle.release.options }}"
"""
RETURN = """
_value:
  description: One text for each value.
  type: list
  elements: str
"""


def options(answers: Mapping[str, Any]) -> list[str]:
    """One option for each value; raises TypeError for a value that is neither text, number, boolean nor a list of these."""
    return [
        f"--{name.replace('_', '-')}={_text(name, value)}"
        for name, values in answers.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(
        f"the answer {name} is {type(value).__name__}; it must be a text, a number, a boolean or a list of these"
    )


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[[Mapping[str, Any]], list[str]]]:
        return {"options": options}
