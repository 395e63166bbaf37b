"""The ports of a VM. Source: Neutron's GET /v2.0/ports; any role."""

from collections.abc import Sequence
from typing import Final

import msgspec

from stratoscope.clouds.lifecycle import Object
from stratoscope.clouds.openstack.client.fields import Id, PathId, Text
from stratoscope.clouds.openstack.client.listing import Listing, fields_of
from stratoscope.clouds.openstack.client.session import Session

PORT: Final = "port"
"""The kind of its Object."""


class Port(msgspec.Struct, frozen=True):
    id: PathId
    device_id: Id
    name: Text = ""
    status: Text = ""
    project_id: Id = ""

    @property
    def object(self) -> Object:
        return Object(PORT, self.id, self.name)

    @property
    def is_up(self) -> bool:
        return self.status == "ACTIVE"


_PORTS: Final = Listing("network", "/v2.0/ports", "ports", Port)


async def ports_of(api: Session, vm_id: str) -> Sequence[Port]:
    """The ports of a VM; none without a VM: those of no device are of others.

    They say so themselves: without its query the request would list all ports of the project. Only the ports
    of the credential's own project count: anyone may name a VM as the device of a port, and administrators
    see the ports of all projects.
    """
    if not vm_id:
        return ()
    project_id = (await api.access()).project_id
    ports, _ = await api.items(_PORTS, [*fields_of(Port), ("device_id", vm_id)])
    ours = [port for port in ports if port.device_id == vm_id]
    return [port for port in ours if not project_id or port.project_id in ("", project_id)]
