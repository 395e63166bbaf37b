"""The key `imports` of the section `downtime`: the sources of downtimes that others announce."""

import ssl
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from yarl import URL

from stratoscope.core.config import Duration, decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.files import read
from stratoscope.core.secret_files import read_secret
from stratoscope.downtime import zones
from stratoscope.downtime.draft import LABELS, FieldError, matcher_sets
from stratoscope.downtime.imports.gocdb import METHODS
from stratoscope.downtime.imports.mapping import MappingEntry, Silences

Kind: TypeAlias = Literal["gocdb", "osg", "icalendar"]

_SHORTEST: Final = Duration(60)
_LARGEST_SECRET: Final = 4096
_LARGEST_CA: Final = 16 << 20
_OWN: Final = frozenset({"windowstart", "next_cursor", "prev_cursor", "page"})
"""Parameters of GOCDB that this program sets itself."""
_LOSING: Final = frozenset({"startdate", "enddate", "windowend", "ongoing_only", "all_lastmonth"})
"""Those that leave out downtimes which last or are to come: they would count as cancelled."""


class Import(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source.

    Attributes:
        name: Unique.
        url: Where it answers; of GOCDB with `method=get_downtime` or `method=get_downtime_nested_services`.
        url_file: The file with the URL, if the URL itself is the secret; either it or `url`.
        interval: From fetch to fetch.
        ca_file: The CAs to trust instead of the system's, in PEM.
        bearer_token_file: The file with a bearer token.
        zone: Of icalendar: the IANA name of the zone of days, of times without zone, and of times in a zone
            that nobody knows. By default that of the calendar, or else UTC, but for the last.
        mapping: From its hosts and services to our labels; what it does not map is shown, and nothing more.
        silences: Which of its downtimes silence.
    """

    name: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[A-Za-z0-9._-]+$")]
    kind: Kind
    url: str = ""
    url_file: str = ""
    interval: Duration = Duration(900)
    ca_file: str = ""
    bearer_token_file: str = ""
    zone: str = ""
    mapping: tuple[MappingEntry, ...] = ()
    silences: Silences = "scheduled_outages"

    @property
    def source(self) -> str:
        """As its downtimes have it."""
        return f"{self.kind}:{self.name}"

    def address(self) -> URL:
        """Where it answers, read anew from `url_file`. Raises ConfigError, which does not cite that file."""
        if not self.url_file:
            return _address(self, self.url, f"imports: {self.name}: url")
        key = f"imports: {self.name}: url_file"
        return _address(self, _secret(self.url_file, key), f"{key}: {self.url_file}")

    def headers(self) -> Mapping[str, str]:
        """Raises ConfigError: The file with the token cannot be used."""
        if not self.bearer_token_file:
            return {}
        token = _secret(self.bearer_token_file, f"imports: {self.name}: bearer_token_file")
        return {"Authorization": f"Bearer {token}"}

    def tls(self) -> ssl.SSLContext:
        """Raises ConfigError: `ca_file` cannot be used."""
        if not self.ca_file:
            return ssl.create_default_context()
        where = f"imports: {self.name}: ca_file"
        pem = read(Path(self.ca_file), where, largest=_LARGEST_CA).decode("ascii", errors="ignore")
        try:
            return ssl.create_default_context(cadata=pem.strip() or "none")  # for "" it trusts the system's
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"{where}: {self.ca_file}: no certificate in PEM") from error


def imports(value: Any, labels: Collection[str] = (), key: str = "downtime.imports") -> tuple[Import, ...]:
    """The sources of the configuration, as YAML gave them.

    Args:
        labels: Those that mappings may name beside LABELS.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    found = decode(tuple[Import, ...], value, key)
    names: set[str] = set()
    for number, one in enumerate(found):
        where = f"{key}[{number}]"
        if one.name in names:
            raise ConfigError(f"{where}.name: {one.name} stands twice; allowed: once")
        names.add(one.name)
        _check(one, where)
        _check_mapping(one.mapping, {*LABELS, *labels}, f"{where}.mapping")
    return found


def _check(one: Import, key: str) -> None:
    if bool(one.url) is bool(one.url_file):
        raise ConfigError(f"{key}.url: expected either url or url_file")
    if one.interval < _SHORTEST:
        raise ConfigError(f"{key}.interval: {one.interval}; allowed: {_SHORTEST} at least")
    if one.zone:
        if one.kind != "icalendar":
            raise ConfigError(f"{key}.zone: means nothing for {one.kind}; allowed: for icalendar")
        try:
            zones.zone(one.zone)
        except FieldError as error:
            raise ConfigError(f"{key}.zone: {error.what}") from error
    if not one.mapping:
        raise ConfigError(f"{key}.mapping: missing or empty; allowed: entries with host, service and labels")
    if one.address().scheme != "https" and one.ca_file:
        of = "url_file" if one.url_file else "url"
        raise ConfigError(f"{key}.ca_file: does nothing, since {of} has http; allowed: with https")
    one.headers()
    one.tls()


def _check_mapping(entries: Sequence[MappingEntry], labels: Collection[str], key: str) -> None:
    for number, entry in enumerate(entries):
        try:
            matcher_sets([entry.matchers()], labels)
        except FieldError as error:
            raise ConfigError(f"{key}[{number}].labels: {error.what}") from error


def _address(one: Import, text: str, key: str) -> URL:
    """A URL. Raises ConfigError, which names the key and does not cite the URL."""
    try:
        url = URL(text)
    except ValueError as error:
        raise ConfigError(f"{key}: no URL; allowed: http:// or https://") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"{key}: no URL of a server; allowed: http:// or https://")
    if url.user or url.password:
        raise ConfigError(f"{key}: with a user or password; allowed: a token in bearer_token_file")
    if one.kind == "gocdb":
        _check_query(url, key)
    return url


def _check_query(url: URL, key: str) -> None:
    if url.query.get("method") not in METHODS:
        raise ConfigError(f"{key}: no method of downtimes; allowed: method={' or method='.join(METHODS)}")
    for name in url.query:
        if name in _OWN:
            raise ConfigError(f"{key}: with {name}, which is set by this program; allowed: without it")
        if name in _LOSING:
            what = "which leaves out downtimes that last or are to come"
            raise ConfigError(f"{key}: with {name}, {what}; allowed: such as topentity, scope")


def _secret(file: str, key: str) -> str:
    """The line in a file. Raises ConfigError."""
    text = read_secret(Path(file), key, largest=_LARGEST_SECRET).decode(errors="replace").strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{key}: {file}: expected one line without blanks")
    return text
