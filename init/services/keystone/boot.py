"""First boot, changes of the catalog and the database's upgrade, by Keystone's own code in one process.

Run as the service's account: `python3 -I -B boot.py`, with two lines of JSON on standard input; see data.py. The first
names the action and makes this process load Keystone with its configuration; the second has the parameters and starts
the action. No data is read or changed before.

The installer holds the input open; when the input ends, so does this process, so that a killed installer leaves no
second writer.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

NEW = ".new"
#: The next key of tokens.
STAGED = "0"
#: The next and the present key that signs tokens.
NEXT, SIGNING = "next.pem", "private.pem"
#: For an update while the service starts.
_NICENESS = 3
#: What exempts the account of a service from rules for people.
_SERVICE_OPTIONS = (
    "ignore_change_password_upon_first_use",
    "ignore_password_expiry",
    "ignore_lockout_failure_attempts",
    "ignore_user_inactivity",
)


def main() -> None:
    request = json.loads(_read_line())
    act = _ACTIONS[request["action"]]
    try:
        _load(request)
        facts = json.loads(_read_line())
        threading.Thread(target=_end_with_installer, daemon=True).start()
        act({**request, **facts})
    except Exception:
        # Keystone's own hook for uncaught errors writes only to its log.
        lines = traceback.format_exc().splitlines()
        # SQLAlchemy prints the parameters of a statement, which may be password hashes.
        sys.exit("\n".join(line for line in lines if not line.startswith("[parameters: ")))


def _read_line() -> bytes:
    """Reads one line of the input and not a byte more."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit("the installer has ended")
        line += byte
    return line


def _end_with_installer() -> None:
    """Waits for the end of the input, below Python's buffers: their lock must be free when the interpreter ends."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _load(request: dict[str, Any]) -> None:
    sys.argv = ["keystone", "--config-file", request["config"], "--config-dir", request["config_directory"]]
    if request["action"] == "update":
        # The starting servers, which load the same code, must come first.
        os.nice(_NICENESS)
    import ksbundle_keystone

    with ksbundle_keystone.loading():
        if request["action"] == "copy":
            # Copying rows needs little of Keystone's code.
            return
        from keystone.server import backends

        if request["action"] == "update":
            _configure()
            backends.load_backends()


def _configure() -> Any:
    import keystone.conf
    import keystone.server

    keystone.server.configure()
    conf = keystone.conf.CONF
    # Users made here get passwords from files of the operator, who is the first to use them.
    conf.set_override("change_password_upon_first_use", False, "security_compliance")
    return conf


def _configure_apart() -> Any:
    """Keystone's defaults without the instance's settings: during an upgrade these still name the former place."""
    import keystone.conf
    from keystone.common import sql

    keystone.conf.configure()
    sql.initialize()
    keystone.conf.CONF([], project="keystone", default_config_files=[], default_config_dirs=[])
    return keystone.conf.CONF


def _create(request: dict[str, Any]) -> None:
    """Makes keys, then the database: a file under a temporary name, which is renamed at the very end."""
    conf = _configure()
    from keystone.credential.providers import fernet as credential_fernet

    _make_keys(conf.fernet_tokens.key_repository, conf.fernet_tokens.max_active_keys, "fernet_tokens")
    _make_keys(conf.credential.key_repository, credential_fernet.MAX_ACTIVE_KEYS, "credential")
    if conf.token.provider == "jws":
        _make_signing_keys(conf)
    database = request["file"]
    if database is None:
        _fill_server(conf, request)
    elif not os.path.exists(database):
        new = database + NEW
        _remove(new)
        _use_file(conf, new)
        _sync_schema(conf)
        _bootstrap(request)
        _sync(new)
        os.rename(new, database)
        _sync(os.path.dirname(database))


def _fill_server(conf: Any, request: dict[str, Any]) -> None:
    """Fills a server's database, which was empty before the first attempt; clears remains of that attempt."""
    from ksbundle_keystone import rows

    url = conf.database.connection
    _use(conf, rows.patient(url).render_as_string(hide_password=False))
    if request["again"]:
        rows.clear(url)
    _sync_schema(conf)
    _bootstrap(request)


def _use_file(conf: Any, new: str) -> None:
    """Lets Keystone use the file `new` in place of the configured database."""
    _use(conf, f"sqlite:///{new}")
    # Nothing else uses this file yet, and it is synced as a whole before it is renamed.
    conf.set_override("sqlite_synchronous", False, "database")


def _use(conf: Any, connection: str) -> None:
    # oslo.config substitutes in overrides, too.
    conf.set_override("connection", connection.replace("$", "$$"), "database")


def _sync_schema(conf: Any) -> None:
    """Brings the database's tables up to date."""
    # The cache does not run yet.
    conf.set_override("enabled", False, "cache")
    from keystone.common.sql import upgrades
    from ksbundle_openstack import migrations

    migrations.allow_percent()
    upgrades.offline_sync_database_to_version()


def _upgrade(request: dict[str, Any]) -> None:
    conf = _configure()
    if "connection" in request:
        _use(conf, request["connection"])
    else:
        _use_file(conf, request["new"])
    _sync_schema(conf)
    from keystone.cmd import cli

    status = cli.DbSync.check_db_sync_status()
    if status != 0:
        sys.exit(f"the database is not up to date after db_sync: its check says {status}")
    if "new" in request:
        _sync(request["new"])


def _copy(request: dict[str, Any]) -> None:
    """Copies all rows of the database `source` to `target`, with tables of the same version; see rows.copy, whose
    outcome is printed as the last line."""
    _use(_configure_apart(), request["target"])
    from ksbundle_keystone import migrations, rows

    source, target = request["source"], request["target"]
    versions = rows.versions(source)
    if rows.versions(target) != versions:
        rows.clear(target)
        migrations.make_tables(target, versions)
    outcome = rows.copy(source, target, keep=request["keep"])
    if request["keep"] and not outcome["refused"] and not outcome["different"]:
        # Rows written to the source meanwhile would be lost.
        outcome["different"] = rows.compare(source, target)
    print(json.dumps(outcome))


def _remove(database: str) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(database + ending)


def _make_keys(repository: str, max_active_keys: int, name: str) -> None:
    if os.path.isdir(repository):
        return
    from keystone.common import fernet_utils

    new = repository + NEW
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o700)
    fernet_utils.FernetUtils(new, max_active_keys, name).initialize_key_repository()
    for key in os.listdir(new):
        _sync(os.path.join(new, key))
    _sync(new)
    os.rename(new, repository)
    _sync(os.path.dirname(repository))


def _sign(_request: dict[str, Any]) -> None:
    _make_signing_keys(_configure())


def _make_signing_keys(conf: Any) -> None:
    """Makes two key pairs: the present one signs tokens, the other is the next. Keystone reads all files of the
    directory of public keys, but only `private.pem` of the other."""
    public, private = conf.jwt_tokens.jws_public_key_repository, conf.jwt_tokens.jws_private_key_repository
    if os.path.isdir(public) and os.path.isdir(private):
        return
    # Remains of an interrupted run, which no server has used.
    for repository in (public, private):
        for left in (repository, repository + NEW):
            shutil.rmtree(left, ignore_errors=True)
        os.mkdir(repository + NEW, 0o700)
    for number, name in enumerate((SIGNING, NEXT), 1):
        _make_pair(os.path.join(private + NEW, name), os.path.join(public + NEW, f"{number}.pem"))
    for repository in (public, private):
        _sync(repository + NEW)
        os.rename(repository + NEW, repository)
        _sync(os.path.dirname(repository))


def _make_pair(private: str, public: str) -> None:
    """Makes a key pair for ES256, readable only by this account."""
    from keystone.common import jwt_utils

    former = os.umask(0o077)
    try:
        jwt_utils.create_jws_keypair(private, public)
    finally:
        os.umask(former)
    for path in (private, public):
        _sync(path)


def _rotate(request: dict[str, Any]) -> None:
    """For each of the `kinds`, promotes the next key of tokens and makes a new next one. Keeps as many keys as valid
    tokens need."""
    conf = _configure()
    lifetime = conf.token.expiration + conf.token.allow_expired_window
    keep = max(conf.fernet_tokens.max_active_keys, math.ceil(lifetime / request["interval"]) + 2)
    for kind in request["kinds"]:
        _ROTATIONS[kind](conf, keep)


def _rotate_signing(conf: Any, keep: int) -> None:
    """Installs a public key before its private key signs. After an interruption at any step, all tokens can be read,
    and the next rotation makes the missing key."""
    public, private = conf.jwt_tokens.jws_public_key_repository, conf.jwt_tokens.jws_private_key_repository
    signing, staged, made, shown = (
        os.path.join(private, name) for name in (SIGNING, NEXT, "new.pem", "new-public.pem")
    )
    if os.path.exists(staged):
        os.rename(staged, signing)
        _sync(private)
    _make_pair(made, shown)
    numbers = sorted(
        int(name.removesuffix(".pem")) for name in os.listdir(public) if name.removesuffix(".pem").isdigit()
    )
    os.rename(shown, os.path.join(public, f"{numbers[-1] + 1 if numbers else 1}.pem"))
    _sync(public)
    os.rename(made, staged)
    _sync(private)
    for number in numbers[: max(0, len(numbers) + 1 - keep)]:
        os.unlink(os.path.join(public, f"{number}.pem"))
    _sync(public)


def _rotate_fernet(conf: Any, keep: int) -> None:
    """Keystone's own rotation moves keys while requests read them, and leaves no staged key when it is interrupted. So
    it works on a copy, from which the directory is updated in steps; after each step all tokens can be read."""
    from keystone.common import fernet_utils

    repository = conf.fernet_tokens.key_repository
    _forget_promoted(repository)
    before = {name for name in os.listdir(repository) if name.isdigit()}
    new = repository + NEW
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o700)
    for name in before:
        shutil.copy2(os.path.join(repository, name), new)
    fernet_utils.FernetUtils(new, keep, "fernet_tokens").rotate_keys()
    after = {name for name in os.listdir(new) if name.isdigit()}
    # First the staged key under its new number, then its successor; finally the oldest are removed.
    for name in [*sorted(after - before), STAGED]:
        _sync(os.path.join(new, name))
        os.rename(os.path.join(new, name), os.path.join(repository, name))
        _sync(repository)
    for name in before - after:
        os.unlink(os.path.join(repository, name))
    _sync(repository)
    shutil.rmtree(new)


def _forget_promoted(repository: str) -> None:
    """Reverts the first step of a rotation that was interrupted after it: the staged key is already the primary one,
    too."""
    numbers = sorted(int(name) for name in os.listdir(repository) if name.isdigit())
    staged, first = (os.path.join(repository, name) for name in (STAGED, str(numbers[-1])))
    with open(staged, "rb") as one, open(first, "rb") as other:
        if staged != first and one.read() == other.read():
            os.unlink(first)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bootstrap(request: dict[str, Any]) -> None:
    from keystone.cmd.bootstrap import Bootstrapper

    bootstrapper = Bootstrapper()
    bootstrapper.admin_username = "admin"
    bootstrapper.admin_password = request["password"]
    bootstrapper.project_name = "admin"
    bootstrapper.admin_role_name = "admin"
    bootstrapper.service_name = "keystone"
    bootstrapper.region_id = request["region"]
    bootstrapper.public_url = bootstrapper.internal_url = bootstrapper.admin_url = request["public_url"]
    bootstrapper.immutable_roles = True
    bootstrapper.bootstrap()
    _exempt("admin", request["exempt"])
    _ensure_user(request["demo"])
    _ensure_domain(request["domain"])
    _register(request, [])


def _exempt(name: str, options: list[str]) -> None:
    """Gives this user of the default domain, if it still exists, options that exempt it from rules."""
    if not options:
        return
    import keystone.conf
    from keystone import exception
    from keystone.common import provider_api

    identity = provider_api.ProviderAPIs.identity_api
    with contextlib.suppress(exception.UserNotFound):
        user = identity.get_user_by_name(name, keystone.conf.CONF.identity.default_domain_id)
        identity.update_user(user["id"], {"options": dict.fromkeys(options, True)})


def _count_inactivity() -> None:
    """Marks every user as active today. Keystone records activity only while it disables inactive users; for users
    without a record it takes the date of creation, and would disable old ones at once."""
    from keystone.common import sql
    from keystone.identity.backends import sql_model

    with sql.session_for_write() as session:
        session.query(sql_model.User).update({"last_active_at": datetime.now(UTC).date()})


def _ensure_user(wanted: dict[str, str] | None) -> None:
    """Makes the ordinary user and the project, with the role member on it. Leaves existing ones as they are, above all
    the password."""
    if wanted is not None:
        _ensure_account({**wanted, "description": "Made by --demo", "options": {}, "roles": ["member"]})


def _ensure_account(wanted: dict[str, Any]) -> dict[str, Any]:
    """A user and a project of the default domain, made if they do not exist, and roles of the user on it."""
    import keystone.conf
    from keystone import exception
    from keystone.common import driver_hints, provider_api

    providers = provider_api.ProviderAPIs
    domain = keystone.conf.CONF.identity.default_domain_id
    named = {"name": wanted["project"], "domain_id": domain, "description": wanted["description"], "enabled": True}
    try:
        project = providers.resource_api.get_project_by_name(wanted["project"], domain)
    except exception.ProjectNotFound:
        identifier = uuid.uuid4().hex
        project = providers.resource_api.create_project(identifier, {"id": identifier, **named})
    try:
        user = providers.identity_api.get_user_by_name(wanted["name"], domain)
    except exception.UserNotFound:
        made = {"name": wanted["name"], "domain_id": domain, "password": wanted["password"], "enabled": True}
        made |= {"default_project_id": project["id"], "options": wanted["options"]}
        user = providers.identity_api.create_user(made)
    for name in wanted["roles"]:
        hints = driver_hints.Hints()
        hints.add_filter("name", name)
        hints.add_filter("domain_id", None)
        (role,) = providers.role_api.list_roles(hints)
        with contextlib.suppress(exception.Conflict):
            providers.assignment_api.add_role_to_user_and_project(user["id"], project["id"], role["id"])
    return dict(user)


def _register(request: dict[str, Any], former: list[str]) -> None:
    """Makes an account and endpoints for each of the `services`. Existing endpoints are moved, see `_move`, and an
    account whose password does not fit gets the one in the file."""
    from keystone import exception
    from keystone.common import provider_api

    providers = provider_api.ProviderAPIs
    for wanted in request["services"]:
        # A service logs in for years, and nobody changes its password.
        options = dict.fromkeys(_SERVICE_OPTIONS, True)
        asked = {**wanted, "project": "service", "description": "Services of the cloud", "options": options}
        user = _ensure_account(asked)
        try:
            # The manager's own function would look for a request to tell in its notification.
            providers.identity_api.driver.authenticate(user["id"], wanted["password"])
        except (AssertionError, exception.Unauthorized):
            providers.identity_api.update_user(user["id"], {"password": wanted["password"]})
        kind, url, region = wanted["type"], wanted["url"], request["region"]
        found = {endpoint["interface"] for endpoint in _move(kind, url, region, former)}
        _complete(kind, wanted["name"], url, region, {"public", "internal", "admin"} - found)


def _move(kind: str, url: str, region: str, former: list[str]) -> list[dict[str, Any]]:
    """Gives the endpoints of that kind of service in the region and in the `former` regions, or all if these are
    unknown, the URL and the region; returns them."""
    from keystone.common import provider_api

    catalog = provider_api.ProviderAPIs.catalog_api
    services = {service["id"] for service in catalog.list_services() if service["type"] == kind}
    own = [
        endpoint
        for endpoint in catalog.list_endpoints()
        if endpoint["service_id"] in services and (not former or endpoint["region_id"] in (region, *former))
    ]
    for endpoint in own:
        catalog.update_endpoint(endpoint["id"], {**endpoint, "url": url, "region_id": region})
    return own


def _complete(kind: str, name: str, url: str, region: str, interfaces: set[str]) -> None:
    """Makes endpoints of that kind of service with these interfaces, and the service if there is none."""
    from keystone.common import provider_api

    catalog = provider_api.ProviderAPIs.catalog_api
    services = [service["id"] for service in catalog.list_services() if service["type"] == kind]
    if not services:
        made = {"id": uuid.uuid4().hex, "type": kind, "name": name, "enabled": True}
        services = [catalog.create_service(made["id"], made)["id"]]
    for interface in sorted(interfaces):
        place = {"service_id": services[0], "region_id": region, "interface": interface, "url": url}
        made = {"id": uuid.uuid4().hex, "enabled": True, **place}
        catalog.create_endpoint(made["id"], made)


def _ensure_domain(name: str | None) -> None:
    """Makes the domain for the users of a directory, if there is none of that name."""
    if name is None:
        return
    from keystone import exception
    from keystone.common import provider_api

    resources = provider_api.ProviderAPIs.resource_api
    try:
        resources.get_domain_by_name(name)
    except exception.DomainNotFound:
        identifier = uuid.uuid4().hex
        made = {"id": identifier, "name": name, "description": "Users of a directory", "enabled": True}
        resources.create_domain(identifier, made)


def _update(request: dict[str, Any]) -> None:
    """Gives the identity service's endpoints in the former regions the present URL and region; all endpoints if no
    former region is known, after an interrupted install.

    Keystone's own `bootstrap` would do that too, but it also resets a changed administrator's password.
    """
    from keystone import exception
    from keystone.common import provider_api

    catalog = provider_api.ProviderAPIs.catalog_api
    region, former = request["region"], request["former_regions"]
    with contextlib.suppress(exception.Conflict):
        catalog.create_region({"id": region})
    before = {endpoint["region_id"] for endpoint in catalog.list_endpoints()}
    _move("identity", request["public_url"], region, former)
    _register(request, former)
    left = before - {None, region}
    used = {endpoint["region_id"] for endpoint in catalog.list_endpoints()}
    for empty in sorted(left - used):
        catalog.delete_region(empty)
    # First, as an update of a user who counts as inactive would disable that user permanently.
    if request["inactivity"]:
        _count_inactivity()
    _exempt("admin", request["exempt"])
    _ensure_user(request["demo"])
    _ensure_domain(request["domain"])


_ROTATIONS: dict[str, Callable[[Any, int], None]] = {"fernet": _rotate_fernet, "jws": _rotate_signing}
_ACTIONS: dict[str, Callable[[dict[str, Any]], None]] = {
    "create": _create,
    "update": _update,
    "upgrade": _upgrade,
    "rotate": _rotate,
    "sign": _sign,
    "copy": _copy,
}

main()
