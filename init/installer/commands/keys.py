"""The commands `keys export`, `keys import`, `keys rotate` and `keys forget`, for nodes that share keys."""

from __future__ import annotations

import os

from .. import report
from ..bundle.api import Site, make_directories
from ..bundle.shared_keys import SharedKeys
from ..engine.session import Session
from ..errors import Exit, Failure, Problem
from ..state import files, lock
from . import install


def export_keys(session: Session, file: str, recipient: str) -> None:
    """Writes the keys to `file`, sealed for the holder of the certificate in `recipient`."""
    session.installed()
    session.settled()
    site = session.site()
    path = os.path.abspath(file)
    files.require_free(path)
    certificate = _read(recipient)
    with session.exclusive():
        files.write_atomically(path, _keys(session, site).seal(certificate), 0o600)
    report.out(path)
    report.note("  on every other node: keys import FILE --recipient CERTIFICATE-AND-KEY")


def import_keys(session: Session, file: str, recipient: str) -> None:
    """Imports the keys in `file` into a running instance, or into one that is not installed yet."""
    session.settled()
    # The keys may be what is missing to use what is outside.
    site = install.ready_site(session, outside=False)
    content, holder = _read(file), _read(recipient)
    with session.exclusive():
        if session.receipt is None:
            if site.account.switch:
                lock.keep_to_root(site.instance.lock)
            make_directories(session.product, site)
            lock.make_of_account(site.instance.root)
        _keys(session, site).open(content, holder)
    report.note("  the keys are imported")
    if session.receipt is None:
        report.note(f"  next: {session.command_line('install')}, with the database of the other nodes")


def rotate_keys(session: Session) -> None:
    session.installed()
    session.settled()
    site = session.site()
    with session.exclusive():
        report.out(_keys(session, site).rotate())


def forget_node(session: Session, node: str) -> None:
    session.installed()
    site = session.site()
    with session.exclusive():
        _keys(session, site).forget(node)


def _keys(session: Session, site: Site) -> SharedKeys:
    keys = session.product.shared_keys(site)
    if keys is None:
        what = f"{session.release.bundle['name']} has no keys to share with other nodes"
        raise Failure(Exit.PREFLIGHT, Problem(what, where=session.instance.root))
    return keys


def _read(path: str) -> bytes:
    try:
        content = files.read(os.path.abspath(path))
    except OSError as error:
        raise Failure(Exit.PREFLIGHT, Problem("cannot read the file", where=path, why=error.strerror or "")) from error
    if content is None:
        raise Failure(Exit.PREFLIGHT, Problem("there is no such file", where=path))
    return content
