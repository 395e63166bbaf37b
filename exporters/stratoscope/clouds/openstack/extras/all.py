"""The services that are not asked in depth, all of them."""

from collections.abc import Sequence

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Extra
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.extras.baremetal import Baremetal
from stratoscope.clouds.openstack.extras.container_infra import ContainerInfra
from stratoscope.clouds.openstack.extras.dns import DNS
from stratoscope.clouds.openstack.extras.key_manager import KeyManager
from stratoscope.clouds.openstack.extras.load_balancer import LoadBalancer
from stratoscope.clouds.openstack.extras.orchestration import Orchestration
from stratoscope.clouds.openstack.extras.shared_file_system import SharedFileSystem

_READERS = (
    LoadBalancer, Baremetal, DNS, SharedFileSystem, Orchestration, ContainerInfra, KeyManager,
)  # fmt: skip


class Extras:
    """Their questions; one whose service is not in the catalogue is left out. Of Swift there is none."""

    def __init__(self, api: Api) -> None:
        self._readers = [reader(api) for reader in _READERS]

    def questions(self) -> Sequence[Question[Extra]]:
        return tuple(question for reader in self._readers for question in reader.questions())
