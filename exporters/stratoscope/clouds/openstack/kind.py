"""The cloud kind OpenStack, for clouds/registry.py."""

import os
from typing import Final

from msgspec.structs import replace

from stratoscope.clouds.openstack.client.clouds_yaml import found
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.vms import OpenStackVMs
from stratoscope.clouds.registry import Kind


def _by_environment() -> OpenStackCloud | None:
    name = os.environ.get("OS_CLOUD", "")
    if not name and not os.environ.get("OS_AUTH_URL"):
        return None
    return OpenStackCloud(name=name or "openstack", os_cloud=name)


def _lifecycle(cloud: OpenStack, described: Description) -> OpenStackVMs:
    created = cloud.created.setdefault(described.credential, set())
    return OpenStackVMs(cloud.session(described.os_cloud), described, cloud.budget, created)


KIND: Final = Kind(
    entry=OpenStackCloud,
    checked=lambda entries: [found(entry) for entry in entries],
    by_default=_by_environment,
    opened=OpenStack,
    questions=OpenStack.questions,
    described_by="OS_CLOUD or OS_AUTH_URL as variable",
    vm=Description,
    credential=lambda entry, name: found(replace(entry, os_cloud=name)),
    opened_to_create=OpenStack,
    lifecycle=_lifecycle,
)
