"""The way of an instance's data into another database, as a service goes it: what `migrate-database` asks for."""

from __future__ import annotations

from typing import Protocol


class Transfer(Protocol):
    """The methods are called in this order, with the instance's lock held. Cut off before `adopt`, all begins anew;
    later, `adopt` and what follows it are called again. Nobody changes the data in the former place."""

    @property
    def is_done(self) -> bool:
        """Whether the data are there already."""

    @property
    def left(self) -> str:
        """A sentence on the former place, with what removes it."""

    def claim(self) -> None:
        """Raises PREFLIGHT where the other place cannot be used, or may hold what is somebody's. The service runs."""

    def rehearse(self) -> str:
        """Tries the whole way while the service runs, and takes it back. Raises a failure with everything that the
        other place does not take; says what was tried."""

    def copy(self) -> str:
        """Brings the data there, and compares all of them. The service is down. Says what was compared."""

    def adopt(self) -> None:
        """From here on the data are used there. May be called again."""

    def prove(self) -> None:
        """The service, which runs and has proven itself, knows what it knew before. Raises VERIFICATION."""

    def finish(self) -> None:
        """Removes what only a way back would need. May be called again."""

    def give_back(self) -> None:
        """In place of `finish`: the data are used again where they were. The service is down. May be called again."""
