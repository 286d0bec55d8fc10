"""Commands by which an operator lets the host's security policy and firewall allow the service: printed, never run.

Rules follow the documentation of these programs: semanage-fcontext(8), apparmor(7), fapolicyd-cli(8), firewall-cmd(1),
ufw(8), nft(8).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from ..bundle.api import Site
from ..errors import Problem
from ..host import network
from ..host.network import Listener
from . import units


@dataclass(frozen=True)
class Advice:
    """Commands for one guard of a host. `guard` is its name; `why` says what they do, in a sentence."""

    guard: str
    why: str
    #: Lines for sh, to be run by root in this order.
    commands: Sequence[str] = ()


#: Type of each part, from the whole to its parts, as patterns below the root: a program of type bin_t may be started by
#: systemd, and runs in the domain for programs unknown to the policy. Every reference policy has these types.
_RELEASE_TYPES = (("(/.*)?", "usr_t"), ("/(lib|modules)(/.*)?", "lib_t"), (r"/(bin(/.*)?|init/bootstrap\.sh)", "bin_t"))
_INSTANCE_TYPES = (("(/.*)?", "var_lib_t"), ("/log(/.*)?", "var_log_t"))

#: The same for chcon(1), as paths.
_RELEASE_PATHS = (
    ("", "usr_t"),
    ("lib", "lib_t"),
    ("modules", "lib_t"),
    ("bin", "bin_t"),
    ("init/bootstrap.sh", "bin_t"),
)
_INSTANCE_PATHS = (("", "var_lib_t"), ("log", "var_log_t"))


def advise(site: Site, listeners: Sequence[Listener], scripts: Sequence[str] = ()) -> list[Advice]:
    """Everything that any host may need; the same on every host, so that it can be kept in a rendered file.

    `scripts` are the programs among the instance's files, by absolute path.
    """
    return [
        Advice(
            "selinux",
            "SELinux: lets systemd start the programs, also after a relabelling; ports need no rule",
            selinux_commands(site),
        ),
        Advice(
            "chcon",
            "SELinux without semanage: the same, until the next relabelling",
            chcon_commands(site),
        ),
        Advice("apparmor", "AppArmor: nothing to do; its profiles name programs by path, and none names these"),
        Advice(
            "fapolicyd",
            "fapolicyd: trusts the release; repeat this after an upgrade",
            fapolicyd_commands(site, scripts),
        ),
        *_firewall(listeners),
    ]


def selinux_commands(site: Site) -> list[str]:
    """The commands in order: of several matching rules, the last one counts. `-a` fails if the rule exists; then
    `-m`."""
    commands = []
    for root, types in ((site.release.root, _RELEASE_TYPES), (site.instance.root, _INSTANCE_TYPES)):
        for pattern, label in types:
            rule = f"-t {label} {quote(escape_pattern(root) + pattern)}"
            commands.append(f"semanage fcontext -a {rule} || semanage fcontext -m {rule}")
    return [*commands, f"restorecon -RF {_roots(site)}"]


def chcon_commands(site: Site) -> list[str]:
    return [f"chcon -Rh -t {label} -- {quote(path)}" for path, label in _labels(site)]


def _labels(site: Site) -> Iterator[tuple[str, str]]:
    """Absolute path and SELinux type."""
    for root, types in ((site.release.root, _RELEASE_PATHS), (site.instance.root, _INSTANCE_PATHS)):
        for path, label in types:
            yield os.path.join(root, path).rstrip("/"), label


def escape_pattern(path: str) -> str:
    r"""The path as a pattern of file_contexts(5), in ASCII and without spaces.

    libselinux compares the first name of a path literally unless it contains a special character
    (`get_stem_from_spec`). A backslash before an ordinary character would thus never match there; a class does.

    >>> escape_pattern("/srv/a b-1.(2)/é")
    '/srv/a[\\x20]b-1\\.\\(2[\\x29]/[\\xc3][\\xa9]'
    """
    return "".join(map(_escape, os.fsencode(path)))


def _escape(byte: int) -> str:
    character = chr(byte)
    if re.match(r"[\w/,:@%=~-]", character, re.ASCII):
        return character
    return f"\\{character}" if character in ".^$?*+|[({" else f"[\\x{byte:02x}]"


def fapolicyd_commands(site: Site, scripts: Sequence[str]) -> list[str]:
    trusted = [f"{site.release.root}/", *scripts]
    name = re.sub(r"[^A-Za-z0-9_-]", "-", site.release.bundle["name"])
    return [
        *(f"fapolicyd-cli --file add {quote(path)} --trust-file {name}" for path in trusted),
        "fapolicyd-cli --update",
    ]


def _firewall(listeners: Sequence[Listener]) -> list[Advice]:
    """Commands to open ports for other hosts; none if the service listens only on loopback."""
    ports = sorted({listener.port for listener in listeners if not network.is_loopback(listener.host)})
    if not ports:
        return []
    opened = " ".join(f"--add-port={port}/tcp" for port in ports)
    numbers = ", ".join(map(str, ports))
    return [
        Advice(
            "firewalld",
            "firewalld: lets clients reach the service, in the default zone",
            [f"firewall-cmd --permanent {opened}", "firewall-cmd --reload"],
        ),
        Advice("ufw", "ufw: lets clients reach the service", [f"ufw allow {port}/tcp" for port in ports]),
        Advice(
            "nftables",
            "nftables, where it filters without firewalld or ufw, with the table and chain of your own rules; "
            "write it into /etc/nftables.conf too",
            [f"nft insert rule inet filter input tcp dport '{{ {numbers} }}' accept"],
        ),
    ]


def _roots(site: Site) -> str:
    """Release and instance as arguments; only the release if it contains the instance."""
    release, instance = site.release.root, site.instance.root
    inside = instance.startswith(f"{release}/")
    return " ".join(map(quote, [release] if inside else [release, instance]))


def _has(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _is_selinux_on() -> bool:
    return os.path.exists("/sys/fs/selinux/enforce")


def _is_apparmor_on() -> bool:
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
            return file.read().strip() == "Y"
    except OSError:
        return False


def _needs_labels(site: Site) -> bool:
    return any(_label(path) not in ("", label) for path, label in _labels(site))


def _label(path: str) -> str:
    """SELinux type of a file; empty if it has none."""
    try:
        context = os.getxattr(path, "security.selinux").decode("ascii", "replace")
    except OSError:
        return ""
    return context.rstrip("\0").split(":")[2]


#: By guard, whether this host still needs its commands.
_NEEDS: Mapping[str, Callable[[Site], bool]] = {
    "selinux": lambda site: _is_selinux_on() and _has("semanage") and _needs_labels(site),
    "chcon": lambda site: _is_selinux_on() and not _has("semanage") and _needs_labels(site),
    "apparmor": lambda _: _is_apparmor_on(),
    "fapolicyd": lambda _: os.path.isdir("/etc/fapolicyd"),
    "firewalld": lambda _: _has("firewall-cmd"),
    "ufw": lambda _: _has("ufw"),
    "nftables": lambda _: _has("nft") and not _has("firewall-cmd") and not _has("ufw"),
}


def warn(site: Site) -> list[Problem]:
    """Warns if SELinux may keep systemd from starting the service on this host."""
    if not units.wants_systemd(site) or not _is_selinux_on() or not _needs_labels(site):
        return []
    return [
        Problem(
            "SELinux may prevent systemd from starting the service",
            where=site.release.root,
            why="its files have the labels of the directory that they were unpacked in",
            details=selinux_commands(site) if _has("semanage") else chcon_commands(site),
            hint="if it does not start, run these commands as root, then bootstrap again",
        )
    ]


def for_this_host(site: Site, advised: Sequence[Advice]) -> list[Advice]:
    """The advice that this host needs and that has commands; changes nothing."""
    return [advice for advice in advised if advice.commands and _NEEDS[advice.guard](site)]


def lines(advised: Sequence[Advice]) -> list[str]:
    """The advice as lines for sh."""
    return [line for advice in advised for line in (f"# {advice.why}", *advice.commands)]
