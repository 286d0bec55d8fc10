"""What a service tells another one of its bundle that keeps a catalog of services and their accounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Registration:
    """A service's account and its entry in the catalog."""

    #: The name of the service, and of its account.
    name: str
    #: The kind of service, by which clients find it.
    type: str
    #: Its URL for clients.
    url: str
    #: The declared secret that is the account's password: a file of the instance, relative to it, and its random bytes.
    password: str
    bytes: int
    #: Roles of the account.
    roles: tuple[str, ...]
