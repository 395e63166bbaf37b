"""The file of `--web.config.file`, in the format of exporter-toolkit (its docs/web-configuration.md).

What `promtool check web-config` accepts is accepted, except what Python's ssl cannot do (`client_auth_type`
RequestClientCert and RequireAnyClientCert: a certificate that is not verified; more than one curve; a
`max_version` below TLS 1.2) and what would exclude every client (a rate limit without burst or unit, a user
with a colon, a hash that bcrypt rejects or needs too long for).
"""

import codecs
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import bcrypt
import msgspec
import yaml

from stratoscope.core import files, yaml_file
from stratoscope.core.config import Secret, decode, one_of
from stratoscope.core.errors import ConfigError
from stratoscope.core.web.tls import TlsSettings, guards, is_enabled, sans, server_tls
from stratoscope.core.yaml_file import Loader, plain

_LARGEST: Final = 1 << 18
_BCRYPT: Final = re.compile(r"(\$2[abxy]\$)(?:0[4-9]|1[0-6])(\$[./A-Za-z0-9]{53})\Z")
_HASHES: Final = "allowed: $2a$, $2b$, $2y$ with a cost of 04 to 16"
_DURATION: Final = re.compile(r"(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+\Z")
"""Go's time.ParseDuration, as the exporter-toolkit: units in any order, and ns, unlike core/durations.py."""
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_S: Final = 8760 * 3600.0
"""Limit on the interval: a year, so that `Retry-After` stays a valid number."""
_BURST: Final = re.compile(r"0*[1-9][0-9]{0,8}")
_LONGEST_SHOWN: Final = 80
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}


class _Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    http2: bool | None = None
    headers: dict[str, str] | None = None


class _RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    interval: str | None = None
    burst: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tls_server_config: TlsSettings | None = None
    http_server_config: _Http | None = None
    basic_auth_users: dict[str, Secret | None] | None = None
    rate_limit: _RateLimit | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """One request per interval, and `burst` of them at once."""

    interval_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A web configuration file, checked; without a file, all defaults.

    Attributes:
        context: That of new connections; None without TLS.
        allowed_sans: A client's certificate must have one of these names; None if any verified one is
            accepted.
        requires_client_cert: Every client needs a certificate of the CA.
        headers: Added to every response.
        users: bcrypt hashes by user name; empty if no password is required.
        rate: Bound on all requests together.
        guards: The guards, by key, and how strict each is.
        expires: When the server's certificate ends, as Unix seconds; None without TLS.
        warnings: Settings of the file that have no effect.
        files: Everything that was read.
    """

    context: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] | None = None
    requires_client_cert: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, Secret] = field(default_factory=dict)
    rate: Rate | None = None
    guards: Mapping[str, int] = field(default_factory=dict)
    expires: float | None = None
    warnings: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def load(path: Path) -> WebConfig:
    """The file's content, checked, with its certificates.

    Raises:
        ConfigError: It names the file, the key and what is allowed; the flag if there is no file.
    """
    content = files.read(path, "--web.config.file", largest=_LARGEST)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as Go's reader does
        content = content.decode("utf-16", "replace").encode()
    document = yaml_file.document(content, path, _Loader)
    try:
        return _checked(decode(_File, {} if document is None else document, ""), path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


class _Loader(Loader):
    """Keys are texts, too: a user may be called `on`, and a header's value may be `0`."""

    yaml_implicit_resolvers = plain("null", "bool")

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        for key, _ in node.value:
            key.tag = self.DEFAULT_SCALAR_TAG
        return node


def _checked(file: _File, path: Path) -> WebConfig:
    tls = file.tls_server_config or TlsSettings()
    http = file.http_server_config or _Http()
    warnings = []
    if http.http2:
        warnings.append("http_server_config.http2: HTTP/2 is not offered; HTTP/1.1 is")
    enabled = is_enabled(tls)
    if not enabled and tls != TlsSettings():
        warnings.append("tls_server_config: TLS is off, as it has neither cert_file nor cert")
    if enabled and tls.min_version in ("TLS10", "TLS11"):
        warnings.append(
            f"tls_server_config.min_version: {tls.min_version} is not offered; TLS12 is the lowest"
        )
    server = server_tls(tls, path.parent) if enabled else None
    headers = _headers(http.headers or {})
    users, rate = _users(file.basic_auth_users or {}), _rate(file.rate_limit or _RateLimit())
    others = {"basic_auth_users": users, "rate_limit": rate}
    restrictions = [key for key, value in others.items() if value]
    restrictions += [f"http_server_config.headers.{name}" for name in headers]
    return WebConfig(
        context=server.context if server else None,
        allowed_sans=sans(tls) if enabled else None,
        requires_client_cert=enabled and tls.client_auth_type == "RequireAndVerifyClientCert",
        headers=headers,
        users=users,
        rate=rate,
        guards={**dict.fromkeys(restrictions, 1), **(guards(tls, server.context) if server else {})},
        expires=server.expires if server else None,
        warnings=tuple(warnings),
        files=(
            path,
            *(path.parent / name for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name),
        ),
    )


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        key = f"http_server_config.headers.{name}"
        one_of(name, _HEADERS, "http_server_config.headers")
        if _HEADERS[name]:
            one_of(value, _HEADERS[name], key)
        if not value.isprintable():
            raise ConfigError(f"{key}: more than one line, or a control character; allowed: one line")
    return {name: value for name, value in headers.items() if value}


def _users(users: Mapping[str, Secret | None]) -> Mapping[str, Secret]:
    checked = {}
    for name, stored in users.items():
        if ":" in name:
            raise ConfigError(f"basic_auth_users.{name}: a log-in cannot hold a user's colon; allowed: none")
        if stored is None or not _is_hash(stored.reveal()):
            raise ConfigError(f"basic_auth_users.{name}: no bcrypt hash; {_HASHES}")
        checked[name] = stored
    return checked


def _is_hash(stored: str) -> bool:
    """Whether bcrypt accepts it; tried with the lowest cost, since the hash's own may take seconds."""
    found = _BCRYPT.match(stored)
    if found is None:
        return False
    try:
        bcrypt.checkpw(b"", f"{found[1]}04{found[2]}".encode())
    except ValueError:
        return False
    return True


def _rate(limit: _RateLimit) -> Rate | None:
    interval_s = _seconds(limit.interval or "0")
    if not interval_s:
        return None
    burst = limit.burst or "0"
    if not _BURST.fullmatch(burst):
        raise ConfigError(
            f"rate_limit.burst: {burst[:_LONGEST_SHOWN]!r} would let no request pass; allowed: whole numbers"
            " from 1 to 999999999"
        )
    return Rate(interval_s, int(burst))


def _seconds(text: str) -> float:
    if text == "0":
        return 0.0
    if not _DURATION.match(text):
        raise ConfigError(
            f"rate_limit.interval: {text[:_LONGEST_SHOWN]!r} is no duration; allowed: 0, or such as 100ms,"
            " 1s, 1m30s"
        )
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST_S:
        raise ConfigError(
            f"rate_limit.interval: {text[:_LONGEST_SHOWN]!r} is too long; allowed: 8760h at most"
        )
    return seconds
