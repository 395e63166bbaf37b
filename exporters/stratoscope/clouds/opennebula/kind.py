"""The cloud kind OpenNebula, for clouds/registry.py."""

from typing import Final

from stratoscope.clouds.opennebula.client.credentials import by_environment, found
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import OpenNebulaCloud
from stratoscope.clouds.registry import Kind

KIND: Final = Kind(
    entry=OpenNebulaCloud,
    checked=found,
    by_default=by_environment,
    opened=OpenNebula,
    questions=OpenNebula.questions,
    described_by="ONE_XMLRPC as variable",
)
