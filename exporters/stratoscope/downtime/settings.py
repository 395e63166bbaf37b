"""The section `downtime:` of the configuration."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from yarl import URL

from stratoscope.clouds import abilities
from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.model import HostServices
from stratoscope.clouds.registry import configured, identities, kind
from stratoscope.core.collector import Offer, OnScrape
from stratoscope.core.config import Duration, Section, decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.planner import Planner
from stratoscope.core.secret_files import read_secret
from stratoscope.core.web.asking.peer import names_this_machine
from stratoscope.core.web.asking.settings import AccessSettings
from stratoscope.downtime.database.address import Address, postgresql, sqlite
from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.draft import LABELS
from stratoscope.downtime.feeds import settings as feeds
from stratoscope.downtime.feeds.settings import FeedSettings
from stratoscope.downtime.hosts_off.collector import HOSTS_OFF
from stratoscope.downtime.imports.settings import Import, imports
from stratoscope.downtime.silences.settings import AlertmanagerSettings, alertmanagers

KEY: Final = "downtime"
DOWNTIMES: Final = Offer("downtimes", OnScrape(5))
"""The collector of the downtimes themselves, of silences and of imports."""

_LARGEST_PASSWORD: Final = 4096
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")


class HostsOffSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hosts that an administrator disabled.

    Attributes:
        clouds: The names of entries of `clouds:` whose disabled hosts become downtimes.
        cap: For so long a host may be off before its alerts are no longer silenced.
    """

    clouds: tuple[str, ...] = ()
    cap: Duration = Duration(30 * 86_400)


class Downtime(Section, frozen=True):
    """The section.

    Attributes:
        database: `postgresql://user@host/name`; "" for a SQLite file in the folder of `--storage.path`.
        database_password_file: The password of PostgreSQL; "" for none.
        url: Where people reach this exporter, for links in silences and feeds; "" for no links.
        labels: That matchers may name beside the usual ones.
        alertmanagers: That have the silences.
        notice: So long before a downtime ends, its notice is shown.
        dry_run: Show what would be written to Alertmanager, and write nothing.
        imports: Sources of downtimes that others announce.
        hosts_off: Hosts that are switched off on purpose.
        feeds: Who may read downtimes by a token in the URL.
        access: Who may read, edit and administer.
    """

    database: str = ""
    database_password_file: str = ""
    url: str = ""
    labels: tuple[str, ...] = ()
    alertmanagers: tuple[Any, ...] = ()
    notice: Duration = Duration(3600)
    dry_run: bool = False
    imports: tuple[Any, ...] = ()
    hosts_off: HostsOffSettings = HostsOffSettings()
    feeds: tuple[FeedSettings, ...] = ()
    access: AccessSettings = AccessSettings()


class Settings(msgspec.Struct, frozen=True):
    """The settings of the exporter.

    Attributes:
        clouds: The entries whose hosts are watched.
        cloud_names: Those of all entries of `clouds:`.
    """

    own: Downtime
    alertmanagers: Sequence[AlertmanagerSettings]
    imports: Sequence[Import]
    clouds: Sequence[Any]
    cloud_names: Sequence[str] = ()

    @property
    def is_published(self) -> bool:
        """Whether people reach it under an address that is not of this machine."""
        return bool(self.own.url) and not names_this_machine(URL(self.own.url).host or "")

    def planner(self) -> Planner:
        """Raises ConfigError: As Planner."""
        of_clouds = [HOSTS_OFF, Requests.offer] if self.clouds else []
        return Planner(KEY, self.own, [DOWNTIMES, *of_clouds])

    def address(self, storage: Path) -> Address:
        """Where the database is. Raises ConfigError: The file with its password cannot be read."""
        own = self.own
        if not own.database:
            return sqlite(storage)
        password = None
        if own.database_password_file:
            key = f"{KEY}.database_password_file"
            content = read_secret(Path(own.database_password_file), key, largest=_LARGEST_PASSWORD)
            password = content.decode().strip()
        try:
            return postgresql(own.database, password)
        except StoreError as error:
            raise ConfigError(
                f"{KEY}.{error}; without the key: SQLite in the folder of --storage.path"
            ) from error


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:  # noqa: ARG001 - it has no flags
    """The settings from a configuration file.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    own = decode(Downtime, document.get(KEY, {}), KEY)
    if own.database_password_file and not own.database:
        raise ConfigError(f"{KEY}.database_password_file: allowed: together with database")
    for number, label in enumerate(own.labels):
        if not _LABEL.fullmatch(label):
            what = f"{label[:80]!r} is no name of a label; allowed: letters, digits and _, no digit first"
            raise ConfigError(f"{KEY}.labels[{number}]: {what}")
    settings = Settings(
        own,
        alertmanagers([*own.alertmanagers], f"{KEY}.alertmanagers"),
        imports([*own.imports], own.labels, f"{KEY}.imports"),
        _clouds(document, own.hosts_off.clouds),
        [*dict.fromkeys(name for name, _ in identities(document))],
    )
    feeds.check(own.feeds, {*LABELS, *own.labels}, f"{KEY}.feeds")
    if own.url and not _is_address(own.url):
        raise ConfigError(f"{KEY}.url: no address; allowed: such as https://ops.example.org/downtime")
    if own.feeds and not own.url:
        raise ConfigError(
            f"{KEY}.url: missing; allowed: where people reach this exporter, since feeds link there"
        )
    settings.address(Path())
    settings.planner()
    return settings


def _is_address(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host) and not url.query_string and not url.fragment


def _clouds(document: Mapping[str, Any], names: Sequence[str]) -> Sequence[Any]:
    """The entries with these names that have services of hosts. Raises ConfigError."""
    if not names:
        return []
    key = f"{KEY}.hosts_off.clouds"
    able = [one for one in configured(document, abilities.Management) if _has_hosts(one)]
    known = [one.name for one in able]
    for number, name in enumerate(names):
        if name not in known:
            allowed = ", ".join(known) or f"none, since {_no_hosts(document)}"
            raise ConfigError(f"{key}[{number}]: no such cloud with hosts: {name}; allowed: {allowed}")
        if name in names[:number]:
            raise ConfigError(f"{key}[{number}]: {name} stands twice; allowed: once")
    return [one for one in able if one.name in names]


def _no_hosts(document: Mapping[str, Any]) -> str:
    """Why no cloud can be named."""
    return "no entry of `clouds:` has services of hosts" if identities(document) else "`clouds:` has no entry"


def _has_hosts(entry: Any) -> bool:
    return any(issubclass(question.answer, HostServices) for question in kind(entry.kind).questions)
