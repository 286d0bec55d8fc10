"""The password of an account on an operator's server, and the authority of that server, from files of the operator.

The instance has copies, so that the files may be removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..bundle.api import RenderedFile, Site
from ..errors import Problem
from . import pem, secret_file

_LONGEST_PASSWORD = 1024


@dataclass(frozen=True)
class Credential:
    #: What messages call the server: "database".
    of: str
    #: The answers that name the files, and the copies, relative to the instance.
    password_answer: str
    password_copy: str
    ca_answer: str
    ca_copy: str
    #: What messages call the password.
    called: str = "password"

    def password(self, site: Site) -> str | None:
        """The given password, else the instance's copy. Raises OSError or ValueError."""
        given = site.value(self.password_answer)
        if given is not None:
            return secret_file.read_given(given, _LONGEST_PASSWORD)
        return secret_file.read(site.present(self.password_copy), _LONGEST_PASSWORD)

    def authority(self, site: Site) -> bytes | None:
        """The certificates to verify the server with, as PEM; None without an authority. Raises OSError."""
        source = self.source(site)
        return None if source is None else pem.blocks(pem.CERTIFICATES, source)

    def source(self, site: Site) -> str | None:
        """The file with those certificates: the operator's, or the copy."""
        return pem.source(site, self.ca_answer, self.ca_copy)

    def rendered_files(self, site: Site) -> list[RenderedFile]:
        """The copies. `faults` must have found nothing."""
        readable, mode = site.account.readable, site.account.secret_mode
        secret, trusted = self.password(site), self.authority(site)
        found = []
        if secret is not None:
            found.append(RenderedFile(self.password_copy, f"{secret}\n".encode(), mode, readable, shown=b""))
        if trusted is not None:
            found.append(RenderedFile(self.ca_copy, trusted, 0o640, readable))
        return found

    def faults(self, site: Site) -> Iterator[Problem]:
        """Problems with the files."""
        try:
            self.password(site)
        except (OSError, ValueError) as error:
            yield self.unusable(site, error)
        source = self.source(site)
        if source is None:
            return
        try:
            found = self.authority(site)
        except OSError as error:
            hint = f"give a readable file with --{self.ca_answer}"
            what = f"the certificates of the {self.of}'s authority cannot be read"
            yield Problem(what, where=source, why=_why(error), hint=hint)
            return
        if not found:
            hint = f"give the authority's certificate as PEM with --{self.ca_answer}"
            why = "it has no PEM block of that kind"
            yield Problem("the file contains no certificate", where=source, why=why, hint=hint)

    def unusable(self, site: Site, error: Exception) -> Problem:
        """The problem of an unusable password."""
        return Problem(
            f"the {self.of}'s {self.called} cannot be used",
            where=site.value(self.password_answer) or site.instance.path(self.password_copy),
            why=_why(error),
            hint=f"give a readable file that holds the {self.called} on one line, with --{self.password_answer}",
        )


def useless(site: Site, names: Iterable[str], *, without: str) -> Iterator[Problem]:
    """Reports each of these answers that is given although the answer `without`, which names the server, is not."""
    for name in names:
        if site.value(name) is not None:
            hint = f"give --{without}, or leave --{name} out; --{name}= removes it"
            yield Problem(f"--{name} is given without --{without}", hint=hint)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or ""
