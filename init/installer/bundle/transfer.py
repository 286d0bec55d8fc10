"""A service's transfer of an instance's data to another database, for `migrate-database`."""

from __future__ import annotations

from typing import Protocol


class Transfer(Protocol):
    """The methods are called in this order, with the instance's lock held. After an interruption before `adopt`, all
    are called again; later, `adopt` and those after it. The data in the former place is never changed."""

    @property
    def is_done(self) -> bool:
        """Whether the data is there already."""

    @property
    def left(self) -> str:
        """A sentence on the former place, and how to remove it."""

    def claim(self) -> None:
        """Raises PREFLIGHT if the other place is unusable, or may hold foreign data. The service runs."""

    def rehearse(self) -> str:
        """Tries the whole transfer while the service runs, and reverts it. Returns a summary. Raises a Failure with
        everything that the other place does not accept."""

    def copy(self) -> str:
        """Copies the data there, and compares all of it. The service is down. Returns a summary of the comparison."""

    def adopt(self) -> None:
        """Switches to the data there. Idempotent."""

    def prove(self) -> None:
        """Checks that the service, which runs and is proven, still has its former data. Raises VERIFICATION."""

    def finish(self) -> None:
        """Removes everything that only a way back would need. Idempotent."""

    def give_back(self) -> None:
        """Called in place of `finish`: returns to the data in the former place. The service is down. Idempotent."""
