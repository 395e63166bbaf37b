"""The services that are not asked in depth, all of them."""

from typing import Final

from stratoscope.clouds.openstack.extras.baremetal import Baremetal
from stratoscope.clouds.openstack.extras.container_infra import ContainerInfra
from stratoscope.clouds.openstack.extras.dns import DNS
from stratoscope.clouds.openstack.extras.key_manager import KeyManager
from stratoscope.clouds.openstack.extras.load_balancer import LoadBalancer
from stratoscope.clouds.openstack.extras.orchestration import Orchestration
from stratoscope.clouds.openstack.extras.shared_file_system import SharedFileSystem

OTHER_SERVICES: Final = (
    LoadBalancer, Baremetal, DNS, SharedFileSystem, Orchestration, ContainerInfra, KeyManager,
)  # fmt: skip
"""One whose service is not in the catalogue is left out. Of Swift there is none."""
