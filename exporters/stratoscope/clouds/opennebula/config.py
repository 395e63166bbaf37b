"""The entry of `clouds:` for OpenNebula: one zone, its credential and its budget."""

from typing import Annotated, Final, Literal

import msgspec
from yarl import URL

from stratoscope.clouds.client.files import unused
from stratoscope.clouds.client.limiter import Limits
from stratoscope.core.config import DERIVED, Secret

_EXAMPLE: Final = "expected the URL of oned's XML-RPC, such as `https://one.example.org:2633/RPC2`"
_PUBLISHER: Final = "expected such as `tcp://one.example.org:2101`: host and port of a hook manager"


class Publishers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The block `events:`: where the hook managers of oned publish; they ask for no credential.

    Attributes:
        urls: One for each oned of the zone: the leader alone publishes.
    """

    urls: Annotated[
        list[str], msgspec.Meta(min_length=1, max_length=20, examples=["[tcp://one.example.org:2101]"])
    ]

    def __post_init__(self) -> None:
        for text in self.urls:
            try:
                url = URL(text)
                is_good = url.scheme == "tcp" and bool(url.host) and bool(url.port) and url.path in ("", "/")
                is_good &= url.host != "*"  # what a publisher is bound to: nobody can connect there
            except ValueError:
                is_good = False
            if not is_good or url.user is not None or url.query_string or url.fragment:
                raise ValueError(f"urls: {_PUBLISHER}")

    def check(self) -> None:
        """It names no files."""


class OpenNebulaCloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One zone.

    Attributes:
        name: The cloud's name, the label `cloud`.
        endpoint: The URL of oned's XML-RPC; any path is kept, without one it is `/RPC2`.
        credentials_file: A file with one line, `user:password`, or `user:token`.
        ca_file: The certificates of authorities, for it and for zones of its federation; by default those of
            the system.
        cert_file, key_file: The client's certificate and its key, where a proxy before oned asks for one.
        budget: The limits on requests to it.
        events: Where its events are; without it VMs are known from pools alone.
    """

    name: str
    kind: Literal["opennebula"] = "opennebula"
    endpoint: str = "http://localhost:2633/RPC2"
    credentials_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    budget: Limits = Limits()
    events: Publishers | None = None

    def __post_init__(self) -> None:
        try:
            url = URL(self.endpoint)
            is_good = url.scheme in ("http", "https") and bool(url.host) and url.port != 0
        except ValueError:
            raise ValueError(f"endpoint: {_EXAMPLE}") from None  # it may hold a password
        if url.user is not None or url.password is not None:
            raise ValueError("endpoint: a user or a password stands in it; allowed: credentials_file")
        if not is_good or url.query_string or url.fragment:
            raise ValueError(f"endpoint: {_EXAMPLE}")
        # An oned on this machine needs no TLS, and names other zones that may have it.
        if url.scheme == "http" and not is_here(url) and (key := unused(self)):
            raise ValueError(f"{key}: does nothing, since endpoint begins with http; allowed: with https")

    @property
    def url(self) -> URL:
        url = URL(self.endpoint)
        return url.with_path("/RPC2") if url.path in ("", "/") else url


class Found(OpenNebulaCloud, frozen=True, forbid_unknown_fields=True):
    """An entry whose files were read; two are equal only if nothing has changed on disk in between.

    Attributes:
        session: What each call bears: `user:password`.
        content: A digest of the files for TLS.
    """

    session: Secret = msgspec.field(default=Secret(""), name=f"{DERIVED}session")
    content: Secret = msgspec.field(default=Secret(""), name=f"{DERIVED}content")


def is_here(url: URL) -> bool:
    """Whether it is on this machine."""
    host = url.host or ""
    return host in ("localhost", "::1") or host.startswith("127.")
