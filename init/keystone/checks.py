"""What is wrong with the answers as a whole and with what they name, and what is merely unusual."""

from __future__ import annotations

from installer import network
from installer.errors import Problem
from installer.product import Site

from . import password, settings, tls

#: What a path of an instance must not contain, since no quoting helps, and why.
UNUSABLE = {
    "?": "a database URL's parameters would begin there",
    "\\$": "Keystone's configuration takes that for a quoted $",
    "${": "httpd's configuration takes that for a variable",
}


def check_answers(site: Site) -> list[Problem]:
    """What keeps the answers from being used."""
    problems = [*password.check_given(site), *tls.check_answers(site)]
    for text, why in UNUSABLE.items():
        if text in site.instance.root:
            problems.append(
                Problem(
                    f"the instance's path contains {text}",
                    where=site.instance.root,
                    why=why,
                    hint="choose another place with --instance",
                )
            )
    found = settings.listeners(site)
    for index, listener in enumerate(found):
        if any(listener.overlaps(other) for other in found[:index]):
            problems.append(Problem(f"port {listener.port} is given twice", hint="give each address and port once"))
    return problems


def warn(site: Site) -> list[Problem]:
    """What is unusual, but may be meant."""
    problems = list(tls.warn(site))
    name = settings.public_name(site)
    if not network.resolves(name):
        problems.append(
            Problem(
                f"{name} is a name that this host cannot resolve",
                why="clients need to, and so does the proof of this install, which uses the service's own port instead",
                hint="add it to the name service, or to /etc/hosts",
            )
        )
    elif not network.is_local(name):
        problems.append(
            Problem(
                f"{name} is no address of this host",
                why="clients need to reach it, through a proxy, NAT or a floating address for example",
                hint="if that is not meant, run again with --host and an address of this host",
            )
        )
    if site.account.switch and site.account.name == "nobody" and site.value("user") is None:
        problems.append(
            Problem(
                "the service runs as nobody, an account it may share with others",
                hint="run again with --create-user, which makes an account keystone and gives it the instance",
            )
        )
    return problems
