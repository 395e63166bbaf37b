"""The cloud kind OpenNebula, for clouds/registry.py."""

from typing import Final

from stratoscope.clouds.opennebula.client.credentials import by_environment, found, with_credential
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import OpenNebulaCloud
from stratoscope.clouds.opennebula.lifecycle.description import Description
from stratoscope.clouds.opennebula.lifecycle.vms import OpenNebulaVMs
from stratoscope.clouds.opennebula.lifecycle.zone import WritableZone
from stratoscope.clouds.registry import Kind


def _lifecycle(zone: WritableZone, described: Description) -> OpenNebulaVMs:
    return OpenNebulaVMs(zone, zone.oned(described.credential), described)


KIND: Final = Kind(
    entry=OpenNebulaCloud,
    checked=found,
    by_default=by_environment,
    opened=OpenNebula,
    questions=OpenNebula.questions,
    described_by="ONE_XMLRPC as variable",
    vm=Description,
    credential=with_credential,
    opened_to_create=WritableZone,
    lifecycle=_lifecycle,
)
