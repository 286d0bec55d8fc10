"""The receipt: what was installed, with which answers, and the digest of every rendered file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Exit, Failure, Problem
from . import files
from .instance import OWN_NAMES, check_name

FORMAT = 1
#: The format of its times, in UTC.
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Receipt:
    """`answers` are those that were given, not defaults; `files` maps a path in the instance to its digest and mode;
    `state` belongs to the bundle. `unknown` are keys of another version, which are kept."""

    bundle: str
    version: str
    release_id: str
    release_path: str
    instance_path: str
    answers: Mapping[str, list[str]]
    files: Mapping[str, Mapping[str, str]]
    state: Mapping[str, Any]
    #: The account that the service runs under: `name`, `uid`, `gid`, and `made` if bootstrap made it.
    account: Mapping[str, Any] = field(default_factory=dict)
    installed: str = ""
    updated: str = ""
    #: When the service was uninstalled and its data kept; empty while it is installed.
    uninstalled: str = ""
    #: The state before the last upgrade: `release` and `instance` (paths), `version`, `id`, and `backup`, relative to
    #: the instance. Empty if there was none.
    previous: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def same_facts(self, other: Receipt) -> bool:
        """Whether both record the same, apart from times."""
        return _document(self) == _document(other)


def read(path: str) -> Receipt | None:
    """The receipt at `path`, None if there is none. Raises NEEDS_PERSON if it is invalid."""
    content = files.read(path)
    return None if content is None else parse(content, path)


def parse(content: bytes, where: str) -> Receipt:
    """Parses a receipt. Raises NEEDS_PERSON, naming `where`, if it is invalid."""
    try:
        document = json.loads(content)
        if document["format"] > FORMAT:
            raise ValueError(f"its format {document['format']} is newer than this installer's {FORMAT}")
        return _parse(document)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            Exit.NEEDS_PERSON,
            Problem(
                "the receipt cannot be read",
                where=where,
                why=str(error),
                hint="restore it from a backup; without it bootstrap does not know what it installed",
            ),
        ) from error


def timestamp() -> str:
    return time.strftime(TIME_FORMAT, time.gmtime())


def write(path: str, receipt: Receipt, owner: files.Owner | None) -> None:
    now = timestamp()
    document = {**_document(receipt), "installed": receipt.installed or now, "updated": now}
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    files.write_atomically(path, text.encode() + b"\n", 0o640, owner)


def _document(receipt: Receipt) -> dict[str, Any]:
    return {
        **receipt.unknown,
        "format": FORMAT,
        "bundle": receipt.bundle,
        "version": receipt.version,
        "release": {"id": receipt.release_id, "path": receipt.release_path},
        "instance": receipt.instance_path,
        "answers": {name: list(values) for name, values in receipt.answers.items()},
        "files": {path: dict(facts) for path, facts in receipt.files.items()},
        "state": dict(receipt.state),
        **({"account": dict(receipt.account)} if receipt.account else {}),
        **({"uninstalled": receipt.uninstalled} if receipt.uninstalled else {}),
        **({"previous": dict(receipt.previous)} if receipt.previous else {}),
    }


_KNOWN = {
    *("format", "bundle", "version", "release", "instance", "answers", "files", "state", "account"),
    *("installed", "updated", "uninstalled", "previous"),
}


def _check(document: Mapping[str, Any]) -> None:
    """Raises ValueError for a receipt with paths or accounts that bootstrap must not touch."""
    for path in document["files"]:
        if check_name(path, units=True).partition("/")[0] in OWN_NAMES:
            raise ValueError(f"{path} is not a file that is rendered")
    if document.get("previous"):
        check_name(document["previous"].get("backup"))
    if not all(_is_texts(texts) for texts in dict(document["answers"]).values()):
        raise ValueError("its answers are not what bootstrap writes")
    account = document.get("account", {})
    if account and not all(isinstance(account[key], int) and account[key] > 0 for key in ("uid", "gid")):
        raise ValueError("the account that it names cannot be a service's")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _parse(document: Mapping[str, Any]) -> Receipt:
    _check(document)
    return Receipt(
        bundle=document["bundle"],
        version=document["version"],
        release_id=document["release"]["id"],
        release_path=document["release"]["path"],
        instance_path=document["instance"],
        answers=document["answers"],
        files=document["files"],
        state=document["state"],
        account=document.get("account", {}),
        installed=document.get("installed", ""),
        updated=document.get("updated", ""),
        uninstalled=document.get("uninstalled", ""),
        previous=document.get("previous", {}),
        unknown={key: value for key, value in document.items() if key not in _KNOWN},
    )
