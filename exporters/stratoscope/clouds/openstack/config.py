"""The entry of `clouds:` for OpenStack: one region of one cloud of clouds.yaml, and its budget."""

from typing import Annotated, Final, Literal

import msgspec
from yarl import URL

from stratoscope.clouds.client.files import context, login, unused
from stratoscope.clouds.client.limiter import Limits
from stratoscope.core.config import DERIVED, Secret
from stratoscope.core.errors import ConfigError

_URL: Final = "expected such as `amqps://rabbit.example.org:5671/nova`: host, port and virtual host alone"


class Notifications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The block `events:`: where Nova's versioned notifications are. Its files are read at each connection.

    Attributes:
        urls: The brokers of one cluster; the first one that answers is used. The path is the virtual host.
        credentials_file: A file with one line, `user:password`.
        exchange: Nova's `control_exchange`.
        topic: One of Nova's `versioned_notifications_topics`.
        ca_file: The certificates of authorities, for `amqps`; by default those of the system.
        cert_file, key_file: The client's certificate and its key.
    """

    urls: Annotated[
        list[str],
        msgspec.Meta(min_length=1, max_length=20, examples=["[amqps://rabbit.example.org:5671/nova]"]),
    ]
    credentials_file: str = ""
    exchange: Annotated[str, msgspec.Meta(min_length=1, max_length=127)] = "nova"
    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=127)] = "versioned_notifications"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __post_init__(self) -> None:
        for text in self.urls:
            try:
                url = URL(text)
                is_good = url.scheme in ("amqp", "amqps") and bool(url.host) and url.port != 0
            except ValueError:
                raise ValueError(f"urls: {_URL}") from None  # it may hold a password
            if url.user is not None or url.password is not None:
                raise ValueError("urls: a user or a password stands in one; allowed: credentials_file")
            if not is_good or url.query_string or url.fragment:
                raise ValueError(f"urls: {_URL}")
        is_tls = any(URL(text).scheme == "amqps" for text in self.urls)
        if not is_tls and (key := unused(self)):
            raise ValueError(f"{key}: does nothing, since no URL begins with amqps; allowed: with amqps")

    def check(self) -> None:
        """Read the files that it names. Raises ConfigError."""
        try:
            login(self.credentials_file)
            context(self)
        except ConfigError as error:
            raise ConfigError(f"events.{error}") from error


class OpenStackCloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One region of one cloud.

    Attributes:
        name: The cloud's name, the label `cloud`.
        os_cloud: Its name in clouds.yaml; by default the one that OS_CLOUD names, else the one that OS_*
            variables describe, else the only one in the file.
        clouds_file: The clouds.yaml; the secure.yaml is in the same folder. By default openstacksdk's search
            path: OS_CLIENT_CONFIG_FILE, the working directory, ~/.config/openstack, /etc/openstack.
        region: Required if the cloud has several.
        interface: The interface of the endpoints; by default that of clouds.yaml, else public.
        budget: The limits on requests to it.
        events: Where its notifications are; without it VMs are known from lists alone.
    """

    name: str
    kind: Literal["openstack"] = "openstack"
    os_cloud: str = ""
    clouds_file: str = ""
    region: str = ""
    interface: Literal["public", "internal", "admin", ""] = ""
    budget: Limits = Limits()
    events: Notifications | None = None


class Found(OpenStackCloud, frozen=True, forbid_unknown_fields=True):
    """An entry whose cloud was found; two are equal only if nothing has changed on disk in between.

    Attributes:
        found_in: The clouds.yaml; "" if the environment describes the cloud.
        content: A digest of the configuration that was found.
    """

    found_in: str = msgspec.field(default="", name=f"{DERIVED}found_in")
    content: Secret = msgspec.field(default=Secret(""), name=f"{DERIVED}content")
