"""The entry of `clouds:` for OpenStack: one region of one cloud of clouds.yaml, and its budget."""

from typing import Literal

import msgspec

from stratoscope.clouds.client.limiter import Limits
from stratoscope.core.config import Secret


class OpenStackCloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One region of one cloud.

    Attributes:
        name: The cloud's name, the label `cloud`.
        os_cloud: Its name in clouds.yaml; by default what OS_CLOUD names, else what OS_* variables describe,
            else the only one in the file.
        clouds_file: The clouds.yaml, with the secure.yaml beside it; by default where openstacksdk looks:
            OS_CLIENT_CONFIG_FILE, the working directory, ~/.config/openstack, /etc/openstack.
        region: Needed where the cloud has several.
        interface: Which endpoints are asked; by default as clouds.yaml says, else the public ones.
        budget: What it may be asked.
    """

    name: str
    kind: Literal["openstack"] = "openstack"
    os_cloud: str = ""
    clouds_file: str = ""
    region: str = ""
    interface: Literal["public", "internal", "admin", ""] = ""
    budget: Limits = Limits()


class Found(OpenStackCloud, frozen=True, forbid_unknown_fields=True):
    """An entry whose cloud was found; equal only as long as nothing of that has changed on disk.

    Attributes:
        found_in: The clouds.yaml; "" where the environment describes the cloud.
        content: What was found: a digest.
    """

    found_in: str = ""
    content: Secret = Secret("")
