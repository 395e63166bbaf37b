"""The entry of `clouds:` for OpenStack: one region of one cloud of clouds.yaml, and its budget."""

from typing import Literal

import msgspec

from stratoscope.clouds.client.limiter import Limits
from stratoscope.core.config import DERIVED, Secret


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
    """

    name: str
    kind: Literal["openstack"] = "openstack"
    os_cloud: str = ""
    clouds_file: str = ""
    region: str = ""
    interface: Literal["public", "internal", "admin", ""] = ""
    budget: Limits = Limits()


class Found(OpenStackCloud, frozen=True, forbid_unknown_fields=True):
    """An entry whose cloud was found; two are equal only if nothing has changed on disk in between.

    Attributes:
        found_in: The clouds.yaml; "" if the environment describes the cloud.
        content: A digest of the configuration that was found.
    """

    found_in: str = msgspec.field(default="", name=f"{DERIVED}found_in")
    content: Secret = msgspec.field(default=Secret(""), name=f"{DERIVED}content")
