"""The users whose credentials the instance keeps as files: the administrator, and with --demo an ordinary one."""

from __future__ import annotations

from dataclasses import dataclass

from installer.bundle.api import Site


@dataclass(frozen=True)
class User:
    """A user of the default domain, and the project of the credentials."""

    name: str
    project: str

    @property
    def password_file(self) -> str:
        """The only file with the password, relative to the instance."""
        return f"{self.name}-password"

    @property
    def openrc(self) -> str:
        return f"{self.name}-openrc.sh"


ADMIN = User("admin", "admin")
DEMO = User("demo", "demo")
#: All possible users.
USERS = (ADMIN, DEMO)


def wants_demo(site: Site) -> bool:
    return site.value("demo") == "true"


def users(site: Site) -> list[User]:
    return [*USERS] if wants_demo(site) else [ADMIN]
