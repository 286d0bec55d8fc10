"""The `maintain` command: recurring work while the service runs. A timer calls it every hour."""

from __future__ import annotations

from .. import report
from ..engine.session import Session
from ..host import clock, logs


def maintain(session: Session) -> None:
    """Rotates keys and logs that are due, while the service runs."""
    recorded = session.installed()
    session.settled()
    site = session.site()
    with session.upkeep():
        done = session.product.maintain(site)
        since = clock.seconds(recorded.installed)
        done = [*done, *site.account.run(logs.rotate, site.instance.log, since)]
    for line in done:
        report.out(line)
    if not done:
        report.note("  nothing is due")
