"""How to bring an instance to its answers: files to write, data to make or change, daemons to restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..answers import answers
from ..bundle.api import Site
from ..host.account import Account
from ..manager import units
from ..state.files import Owner
from ..state.receipt import Receipt
from . import changes, lifecycle
from .changes import Change
from .session import Session


@dataclass(frozen=True)
class Plan:
    """What an install will do."""

    changes: Sequence[Change]
    prepares: bool
    #: There is data that a backup can save.
    has_data: bool
    migrates: bool
    #: The release or the instance was moved since the daemons started, so they must be restarted.
    moved: bool
    #: The account that owns the instance's files; None unless the service gets another account.
    former_owner: Owner | None
    receipt: Receipt

    def replaces_release(self, former: Receipt) -> bool:
        return former.release_id != self.receipt.release_id

    @property
    def writes(self) -> list[Change]:
        return [change for change in self.changes if change.writes]

    @property
    def renews(self) -> bool:
        """Whether daemons must be restarted, because they or their units changed."""
        return self.moved or any(change.is_outside for change in self.writes)


def make_plan(session: Session, site: Site, *, previous: Mapping[str, str] | None = None) -> Plan:
    """Compares the session's instance with what the site's needs; writes nothing.

    The two differ if the instance is about to be moved. `previous` is the receipt's entry for the release before.
    """
    former = session.receipt
    wanted = [*session.product.rendered_files(site), *lifecycle.rendered_files(site, session.product)]
    recorded = units.recorded_files(session.instance, former)
    compared = changes.compare(session.instance, wanted, recorded, written=session.written)
    state = session.product.state(site)
    present = replace(site, instance=session.instance)
    prepares = not session.product.is_prepared(present)
    return Plan(
        changes=compared,
        prepares=prepares,
        has_data=not prepares or session.product.has_data(present),
        # Data without a receipt is from an interrupted install, maybe with other answers.
        migrates=bool(state)
        and (not prepares if former is None else any(dict(known) != dict(state) for known in session.states)),
        moved=former is not None
        and (former.release_path, former.instance_path, former.release_id)
        != (site.release.root, site.instance.root, site.release.id),
        former_owner=_former_owner(former, site),
        receipt=Receipt(
            bundle=site.release.bundle["name"],
            version=site.release.bundle["version"],
            release_id=site.release.id,
            release_path=site.release.root,
            instance_path=site.instance.root,
            answers=remembered(session),
            files=changes.record(compared),
            state=state,
            account=_describe_account(site.account),
            installed=former.installed if former else "",
            previous=previous if previous is not None else former.previous if former else {},
            unknown=former.unknown if former else {},
        ),
    )


def _describe_account(account: Account) -> Mapping[str, Any]:
    ids = {"name": account.name, "uid": account.uid, "gid": account.gid}
    return {**ids, "made": True} if account.made else ids


def _former_owner(former: Receipt | None, site: Site) -> Owner | None:
    if former is None or not former.account or not site.account.switch:
        return None
    owner = Owner(former.account["uid"], former.account["gid"])
    return None if owner == site.account.owner else owner


def remembered(session: Session) -> dict[str, list[str]]:
    """The answers to record for the next run."""
    return answers.given(session.answers, transient(session))


def asked(session: Session) -> dict[str, list[str]]:
    """The answers to record for the next run if this one is interrupted."""
    return answers.asked(session.answers, transient(session))


def transient(session: Session) -> set[str]:
    """Answers that apply to one run only."""
    return {"instance", "create-user", *session.product.TRANSIENT}


def needs_backup(session: Session, plan: Plan) -> bool:
    """Whether the plan changes existing data."""
    former = session.receipt
    return former is not None and plan.has_data and (plan.migrates or plan.replaces_release(former))


def is_idle(session: Session, site: Site, plan: Plan) -> bool:
    """Whether there is nothing to do but to prove that the service works."""
    former = session.receipt
    return (
        former is not None
        and session.unfinished is None
        and not plan.writes
        and not plan.prepares
        and former.same_facts(plan.receipt)
        and lifecycle.is_complete(session, site)
    )
