"""The URL of a database on an operator's server: its valid form, and the URL for Keystone's libraries."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from installer.answers.values import join_host
from installer.errors import Problem

#: SQLAlchemy's name for the driver of a scheme.
_POSTGRESQL, _MYSQL = "postgresql+psycopg", "mysql+pymysql"
_SCHEMES = {
    "postgresql": _POSTGRESQL,
    "postgresql+psycopg": _POSTGRESQL,
    "mysql": _MYSQL,
    "mysql+pymysql": _MYSQL,
    "mariadb": _MYSQL,
    "mariadb+pymysql": _MYSQL,
}
#: Parameters that may be given. Some others contain a password, and `ssl_verify_cert` and `ssl_verify_identity` make
#: PyMySQL ignore the authority.
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    _POSTGRESQL: ("sslmode", "sslrootcert", "sslcert", "sslkey"),
    _MYSQL: ("ssl_ca", "ssl_cert", "ssl_key"),
}
#: Parameters that name a file.
_FILES = ("sslrootcert", "sslcert", "sslkey", "ssl_ca", "ssl_cert", "ssl_key")
_PORTS = {_POSTGRESQL: 5432, _MYSQL: 3306}
#: An unreachable server is noticed within seconds, while connecting and while waiting for an answer.
_PATIENCE: Mapping[str, Mapping[str, str]] = {
    _POSTGRESQL: {
        "connect_timeout": "5",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "20000",
    },
    _MYSQL: {"connect_timeout": "5", "read_timeout": "30", "write_timeout": "30"},
}
EXAMPLE = "postgresql://USER@HOST/NAME or mysql://USER@HOST/NAME"


@dataclass(frozen=True)
class DatabaseUrl:
    driver: str
    #: Not percent-encoded, like the other parts.
    user: str
    host: str
    port: int
    name: str
    parameters: Mapping[str, str]

    @property
    def identity(self) -> str:
        """A name of the database, without account and parameters."""
        return f"{self.driver.partition('+')[0]}://{join_host(self.host)}:{self.port}/{quote(self.name, safe='')}"

    @property
    def is_mysql(self) -> bool:
        return self.driver == _MYSQL

    def connection(self, password: str | None, ca: str | None) -> str:
        """The URL for SQLAlchemy; `ca` is the path of the certificates to verify the server with."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        parameters = {**_PATIENCE[self.driver], **self.parameters}
        if ca is not None:
            # PyMySQL checks the server's name if it has an authority.
            trust = {"ssl_ca": ca} if self.is_mysql else {"sslmode": "verify-full", "sslrootcert": ca}
            parameters.update(trust)
        place = f"{quote(self.user, safe='')}{secret}@{join_host(self.host)}:{self.port}/{quote(self.name, safe='')}"
        return f"{self.driver}://{place}?{urlencode(parameters, quote_via=quote, safe='/')}"

    def is_safe(self, has_ca: bool) -> bool:
        """Whether the server is verified, or is this host."""
        checked = "ssl_ca" in self.parameters or self.parameters.get("sslmode") == "verify-full"
        return has_ca or checked or _is_loopback(self.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse(text: str) -> DatabaseUrl:
    """Parses a URL that `check` accepts; any other as far as possible."""
    parts = urlsplit(text)
    driver = _SCHEMES.get(parts.scheme, parts.scheme)
    return DatabaseUrl(
        driver=driver,
        user=unquote(parts.username or ""),
        host=parts.hostname or "",
        port=_port(parts) or _PORTS.get(driver, 0),
        name=unquote(parts.path[1:]),
        parameters=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None


def check(text: str, *, with_ca: bool) -> list[Problem]:
    """Problems with the URL. No message repeats it, because the invalid part may be a password."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    return [Problem(what, why=why, hint=hint) for what, why, hint in _faults(text, parts, with_ca)]


def _faults(text: str, parts: SplitResult, with_ca: bool) -> Iterator[tuple[str, str, str]]:
    what = "not a valid value for --database-url"
    hint = f"give {EXAMPLE}"
    driver = _SCHEMES.get(parts.scheme)
    if driver is None:
        yield what, "it must begin with postgresql://, mysql:// or mariadb://", hint
        return
    if re.search(r"[^!-~]", text) or parts.fragment:
        yield what, "it contains characters that must be percent-encoded in a URL", hint
    if parts.password is not None:
        yield (
            "--database-url contains a password",
            "every user of this host can read it in the list of processes",
            "change that password; then give the new one in a file with --database-password-file",
        )
    for missing, part in (("user", parts.username), ("host", parts.hostname), ("database", parts.path.strip("/"))):
        if not part:
            yield what, f"it names no {missing}", hint
    if "/" in parts.path[1:]:
        yield what, "it names more than one database", hint
    try:
        _ = parts.port
    except ValueError:
        yield what, "a port is a number from 1 to 65535", hint
    yield from _parameter_faults(parts, driver, with_ca)


def _parameter_faults(parts: SplitResult, driver: str, with_ca: bool) -> Iterator[tuple[str, str, str]]:
    what, known = "not a valid value for --database-url", _PARAMETERS[driver]
    given = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in given]
    for name in dict.fromkeys(names):
        if name not in known:
            yield what, f"it has the parameter {name}", f"the parameters that it may have: {', '.join(known)}"
        elif names.count(name) > 1:
            yield what, f"it has the parameter {name} twice", "give it once"
        elif with_ca and name in ("sslmode", "sslrootcert", "ssl_ca"):
            yield what, f"--database-ca says what its parameter {name} says", "leave one of them out"
    for name, text in given:
        if name in _FILES and not text.startswith("/") and (name, text) != ("sslrootcert", "system"):
            yield what, f"its parameter {name} names a file by a relative path", "give an absolute path"
