"""The key `alertmanagers` of the configuration: the Alertmanagers that have the downtimes' silences."""

import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from yarl import URL

from stratoscope.core.config import Duration, decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.secret_files import read_secret

_TIMEOUT: Final = Duration(5)
_LARGEST_SECRET: Final = 4096
_LONGEST: Final = Duration(60)
_API: Final = ("/api/v1", "/api/v2")

_Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class AlertmanagerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Alertmanager, or one cluster of them.

    Attributes:
        name: The label `alertmanager`.
        urls: The members of the cluster, such as `http://alertmanager:9093`: the first that answers is used.
        bearer_token_file: The file with the bearer token; "" for none.
        user, password_file: Of basic authentication; "" for none.
        ca_file: The certificates of authorities; "" for those of the system.
        timeout: Of each request.
    """

    name: _Name
    urls: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=20)]
    bearer_token_file: str = ""
    user: str = ""
    password_file: str = ""
    ca_file: str = ""
    timeout: Duration = _TIMEOUT

    def credentials(self) -> Mapping[str, str]:
        """The header of the log-in, read anew each time: such files are replaced.

        Raises:
            ConfigError: The file cannot be used.
        """
        if self.bearer_token_file:
            return {"Authorization": f"Bearer {self._secret(self.bearer_token_file, 'bearer_token_file')}"}
        if self.user:
            pair = f"{self.user}:{self._secret(self.password_file, 'password_file')}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {}

    def tls(self) -> ssl.SSLContext:
        """Raises ConfigError: `ca_file` cannot be used."""
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:  # ssl.SSLError is one
            where = f"{self._key('ca_file')}: {self.ca_file}"
            raise ConfigError(f"{where}: no certificates in PEM can be read from it") from error

    def _secret(self, file: str, name: str) -> str:
        key = self._key(name)
        text = read_secret(Path(file), key, largest=_LARGEST_SECRET).decode(errors="replace").strip()
        if not text or not text.isprintable():
            raise ConfigError(f"{key}: {file}: empty, or more than one line; allowed: one line")
        return text

    def _key(self, name: str) -> str:
        return f"alertmanagers: {self.name}: {name}"


def alertmanagers(entries: Any, key: str = "alertmanagers") -> Sequence[AlertmanagerSettings]:
    """The entries.

    Raises:
        ConfigError: It names the key and what is allowed.
    """
    found = decode(tuple[AlertmanagerSettings, ...], entries, key)
    names: set[str] = set()
    urls: dict[URL, str] = {}
    for number, one in enumerate(found):
        _check(one, f"{key}[{number}]")
        if one.name in names:
            raise ConfigError(f"{key}[{number}].name: {one.name} stands twice; allowed: each name once")
        names.add(one.name)
        for place, url in enumerate(one.urls):
            other = urls.setdefault(_plain(url), one.name)
            if other != one.name:
                what = (
                    f"stands in the entry {other}, too; allowed: once, members of one cluster are one entry"
                )
                raise ConfigError(f"{key}[{number}].urls[{place}]: {url}: {what}")
    return found


def _check(one: AlertmanagerSettings, key: str) -> None:
    for number, url in enumerate(one.urls):
        if not _is_base(url):
            what = (
                "no URL of an Alertmanager; allowed: such as http://alertmanager:9093, no user, query or API"
            )
            raise ConfigError(f"{key}.urls[{number}]: {what}")
    if bool(one.user) != bool(one.password_file):
        raise ConfigError(f"{key}: user or password_file is missing; allowed: both or none")
    if one.user and one.bearer_token_file:
        raise ConfigError(f"{key}: bearer_token_file stands beside user; allowed: one of both")
    if ":" in one.user:
        raise ConfigError(f"{key}.user: a colon; allowed: a name without one")
    if one.ca_file and not any(url.lower().startswith("https:") for url in one.urls):
        raise ConfigError(f"{key}.ca_file: does nothing, since no URL begins with https; allowed: with https")
    if one.timeout > _LONGEST:
        raise ConfigError(f"{key}.timeout: {one.timeout}; allowed: {_LONGEST} at most")
    one.credentials()
    one.tls()


def _plain(text: str) -> URL:
    """The URL, the same however it is written: capitals, the port of the scheme, a slash at the end."""
    url = URL(text)
    return URL.build(scheme=url.scheme, host=url.host or "", port=url.port, path=url.path.rstrip("/"))


def _is_base(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    is_plain = url.user is None and not url.query_string and not url.fragment
    is_plain = is_plain and not url.path.rstrip("/").endswith(_API)  # which is added to it
    return url.scheme in {"http", "https"} and bool(url.host) and is_plain
