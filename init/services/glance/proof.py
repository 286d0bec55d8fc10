"""Uses the service as a client does: an image goes in, comes out the same, and is deleted."""

from __future__ import annotations

import json
import os
from hashlib import sha256

from ..keystone.session import Session

#: Bytes of the image.
_SIZE = 1 << 20
#: The image's name begins with it.
_NAME = "proof of the installer"


def use(session: Session, url: str) -> str:
    """Returns what was proven. Raises VERIFICATION with the step that failed."""
    images = f"{url}/v2/images"
    facts = {"name": f"{_NAME} {os.getpid()}", "disk_format": "raw", "container_format": "bare"}
    made = session.ask("POST", images, 201, body=facts)
    image = f"{images}/{json.loads(made.body)['id']}"
    try:
        content = os.urandom(_SIZE)
        session.ask("PUT", f"{image}/file", 204, headers={"Content-Type": "application/octet-stream"}, body=content)
        got = session.ask("GET", f"{image}/file", 200)
        if sha256(got.body).digest() != sha256(content).digest():
            raise session.failed(image, f"{len(got.body)} bytes came out, which are not those of the image")
    finally:
        session.ask("DELETE", image, 204)
    return "an image of 1 MiB went in and came out unchanged"
