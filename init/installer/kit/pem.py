"""Certificates and keys in files that an operator names: they are copied into the instance, so the files may be
removed; a renewed file replaces the copy on the next run."""

from __future__ import annotations

import errno
import os
import re

from ..bundle.api import Site
from ..state import files

CERTIFICATES = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEYS = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


def source(site: Site, answer: str, copy: str) -> str | None:
    """The operator's file; the instance's copy if a remembered file is gone; None without an answer."""
    path = site.value(answer)
    if path is None:
        return None
    copied = site.present(copy)
    gone = site.answers[answer].remembered and not os.path.exists(path) and files.exists(copied)
    return copied if gone else path


def blocks(pattern: re.Pattern[bytes], path: str) -> bytes:
    """The blocks of that kind in a file, one after another. Raises OSError."""
    content = files.read(path)
    if content is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    found = [match[0] for match in pattern.finditer(content)]
    return b"".join(block.replace(b"\r\n", b"\n") + b"\n" for block in found)
