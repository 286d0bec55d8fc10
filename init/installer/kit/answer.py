"""An answer over HTTP, apart from the client, which takes long to import: most commands send no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: How long a request waits for its answer by default.
SECONDS = 30
#: The prefix of an error for an incomplete answer.
MUTE = "no complete answer came"


@dataclass(frozen=True)
class Answer:
    status: int
    #: One that occurs several times has each value on a line of its own.
    headers: Mapping[str, str]
    body: bytes
