"""The section `access` of an exporter: who has which role, the trusted proxy, bearer tokens."""

import datetime as dt
import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec

from stratoscope.core.config import Secret, known_keys, moment, one_of
from stratoscope.core.web.asking.known import Known
from stratoscope.core.web.asking.peer import Network

HOW_TO: Final = "configure users (--web.config.file), or tokens or the proxy (access)"
_GROUP: Final = "group:"
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, a token
_TAKEN: Final = frozenset({"authorization", "cookie", "host", "origin"})
"""Headers that a client sets itself, or that mean something else."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, without its secret.

    Attributes:
        expires: The moment from which it is refused; None for never.
    """

    name: str
    roles: frozenset[str]
    expires: dt.datetime | None = None


FindToken: TypeAlias = Callable[[Mapping[str, Any], str], Awaitable[Token | None]]
"""Called with the open parts and a token's SHA-256 in hexadecimal digits. Returns None for an
unknown or revoked one."""


class ProxySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proxy that authenticates users.

    It must set these headers on every request, whatever its client sends; so they have no defaults.

    Attributes:
        addresses: Addresses and networks from which its connections come.
        user_header: The header with the user's name.
        groups_header: The header with the user's groups, separated by commas; None without groups.
    """

    addresses: tuple[str, ...]
    user_header: str
    groups_header: str | None = None

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("addresses: empty; allowed: addresses and networks such as 10.0.0.0/24")
        _once(self.addresses, "addresses")
        for text in self.addresses:
            _network(text)
        for key, name in (("user_header", self.user_header), ("groups_header", self.groups_header)):
            if name is not None and (not _HEADER.fullmatch(name) or name.lower() in _TAKEN):
                raise ValueError(
                    f"{key}: {name!r} is no header of a proxy; allowed: such as X-Forwarded-User"
                )
        if self.groups_header is not None and self.groups_header.lower() == self.user_header.lower():
            raise ValueError("groups_header: the same as user_header; allowed: another one")

    @property
    def networks(self) -> Sequence[Network]:
        return [_network(text) for text in self.addresses]


class HashedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token, without its secret.

    Attributes:
        sha256: The token's hash, so that the file has no secret: `printf %s "$TOKEN" | sha256sum`.
    """

    name: str
    sha256: Secret

    def __post_init__(self) -> None:
        _named(self.name, "name")
        if not _SHA256.fullmatch(self.sha256.reveal()):
            raise ValueError("sha256: no SHA-256; allowed: 64 hexadecimal digits")


class TokenSettings(HashedToken, frozen=True, forbid_unknown_fields=True):
    """A bearer token.

    Attributes:
        expires: Date and time with time zone.
    """

    roles: tuple[str, ...] = ()
    expires: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _once(self.roles, "roles")
        if self.expires is not None:
            _moment(self.expires)

    @property
    def token(self) -> Token:
        expires = None if self.expires is None else _moment(self.expires)
        return Token(self.name, frozenset(self.roles), expires)


class AccessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has which role; the users' passwords are in the web configuration.

    Attributes:
        roles: The users of each role, by the role's name; `group:NAME` is a group of the trusted proxy.
    """

    roles: dict[str, tuple[str, ...]] = {}
    trusted_proxy: ProxySettings | None = None
    tokens: tuple[TokenSettings, ...] = ()

    def __post_init__(self) -> None:
        has_groups = self.trusted_proxy is not None and self.trusted_proxy.groups_header is not None
        for role, names in self.roles.items():
            _once(names, f"roles: {role}")
            for name in names:
                _named(name.removeprefix(_GROUP), f"roles: {role}")
                if name.startswith(_GROUP) and not has_groups:
                    raise ValueError(
                        f"roles: {role}: {name} needs trusted_proxy.groups_header; allowed: users"
                    )
        check_once(self.tokens, "tokens")

    @property
    def gives_roles(self) -> bool:
        """Whether somebody has a role."""
        return any(self.roles.values()) or any(one.roles for one in self.tokens)

    def check_roles(self, known: Collection[str], key: str) -> None:
        """Reject a role that no route requires.

        Args:
            known: The roles of the exporter's routes, see `roles_of` in routes.py.
            key: The key of this section.

        Raises:
            ConfigError: It names the key and the roles that are allowed.
        """
        known_keys(self.roles, known, f"{key}.roles")
        for number, token in enumerate(self.tokens):
            for role in token.roles:
                one_of(role, known, f"{key}.tokens[{number}].roles")

    def warnings(self, users: Collection[str]) -> Sequence[str]:
        """A line for each user with a role as whom nobody can log in; a token has the roles of its own entry.

        Args: users: Those of the web configuration. Where nobody can log in, there is nothing to warn of.
        """
        if self.trusted_proxy is not None or not (users or self.tokens):
            return []
        return [
            f"{name} has the role {role}, but is no user of the web configuration: nobody can log in so"
            for role, names in self.roles.items()
            for name in names
            if name not in users
        ]

    def roles_of(self, known: Known) -> frozenset[str]:
        """The roles of a token, or those of a user by name and groups."""
        if known.roles is not None:
            return known.roles
        names = {f"{_GROUP}{group}" for group in known.groups}
        if not known.name.startswith(_GROUP):  # else such a user would count as a group
            names.add(known.name)
        return frozenset(role for role, members in self.roles.items() if names & {*members})

    def token(self, sha256: str) -> Token | None:
        """The token with this hash; None if there is none."""
        found = (one.token for one in self.tokens if one.sha256.reveal().lower() == sha256)
        return next(found, None)


def check_once(tokens: Sequence[HashedToken], key: str) -> None:
    """Raises ValueError: Two have the same name, or are the same token."""
    _once([token.name for token in tokens], key, "the name ")
    if len({token.sha256.reveal().lower() for token in tokens}) < len(tokens):
        raise ValueError(f"{key}: two with the same sha256; allowed: each once")


@dataclass(frozen=True, slots=True)
class Guard:
    """How the routes of an exporter are guarded.

    Attributes:
        access: The section `access` of the exporter's configuration.
        find_token: The exporter's own lookup of bearer tokens, such as a database's.
        published: The key by which people reach it under an address that is not of this machine: a client on
            this machine may be a proxy that passes on others. "" for none.
        managers: The roles that may have the configuration read again; empty for all.
    """

    access: AccessSettings = field(default_factory=AccessSettings)
    find_token: FindToken | None = None
    published: str = ""
    managers: tuple[str, ...] = ()

    @property
    def takes_tokens(self) -> bool:
        return bool(self.access.tokens) or self.find_token is not None

    def can_log_in(self, users: Collection[str]) -> bool:
        """Whether the configuration has a user or token; the exporter's own lookup may have none.

        Args: users: Those of the web configuration.
        """
        return bool(users or self.access.tokens or self.access.trusted_proxy)

    def admits_loopback(self, users: Collection[str]) -> bool:
        """Whether all clients on this machine have all roles. Args: users: Those of the web configuration."""
        return not self.can_log_in(users) and not self.published

    def warnings(self, users: Collection[str], roles: Collection[str]) -> Sequence[str]:
        """What the operator should know of who has which role.

        Args:
            users: Those of the web configuration.
            roles: Those that routes require.
        """
        if self.can_log_in(users) or not roles:
            return self.access.warnings(users)
        if self.published:
            return [f"nobody can log in, and {self.published} is set: so nobody may do anything; {HOW_TO}"]
        who = "all clients on this machine, a proxy on it among them, may do all"
        return [f"nobody can log in: {who}; see --web.config.file"]


@cache
def _network(text: str) -> Network:
    hint = ""
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        hint = "it has host bits set" if "host bits" in str(error) else "neither an address nor a network"
    else:
        if not network.prefixlen:
            hint = "it is everybody's"
        elif isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
            hint = "no client has that address, but the one of IPv4"
    if hint:
        raise ValueError(f"addresses: {text}: {hint}; allowed: such as 127.0.0.1, 10.0.0.0/24, ::1")
    return network


def _moment(text: str) -> dt.datetime:
    found = moment(text)
    if found is None:
        raise ValueError(f"expires: {text!r} is no moment; allowed: such as 2027-01-01T00:00:00Z")
    return found


def _named(name: str, key: str) -> None:
    if not name.strip() or not name.isprintable():
        raise ValueError(f"{key}: {name!r} is no name; allowed: printable characters")


def _once(names: Iterable[str], key: str, what: str = "") -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{key}: {what}{name} stands twice; allowed: once")
        seen.add(name)
