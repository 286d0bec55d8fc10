"""The installer's own answers, which instances of every bundle have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import answers
from .answers import Declaration


def declarations(bundle: Mapping[str, Any]) -> dict[str, Declaration]:
    """All answers of a release, by name: those that `init/bundle.json` declares, then the installer's own."""
    own = {declaration.name: declaration for declaration in _own(bundle["name"])}
    return {**answers.declarations(bundle["answers"]), **own}


def _own(bundle: str) -> tuple[Declaration, ...]:
    """A bundle's recipe must not declare these names: src/recipe/reserved-answers.ts lists them."""
    return (
        Declaration(
            name="instance",
            type="path",
            metavar="DIRECTORY",
            help="Directory of the instance; by default instance in the release's directory",
        ),
        Declaration(
            name="user",
            type="string",
            rule="[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}",
            rule_help="the name of an account",
            metavar="ACCOUNT",
            help=f"Account that the service runs as, if root installs; {bundle} if it exists, otherwise nobody",
        ),
        Declaration(
            name="create-user",
            type="boolean",
            default="false",
            metavar="USER",
            help="Create that account if it does not exist; needs root",
        ),
        Declaration(
            name="service",
            type="choice",
            choices=("systemd", "none"),
            default="none",
            metavar="MANAGER",
            help="Service manager that runs the instance; none means that bootstrap starts it itself",
        ),
        Declaration(
            name="service-name",
            type="string",
            default=f"ksbundle-{bundle}",
            rule="[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
            rule_help="up to 64 letters, digits, dots, dashes and underscores",
            metavar="NAME",
            help="Name of the systemd units",
        ),
    )
