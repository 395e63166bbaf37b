"""Block jobs of active domains. Source: virDomainGetBlockJobInfo, one request to the monitor per disk."""

import time
from collections.abc import Iterable, Mapping
from typing import Final

import libvirt

from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import GONE, NOT_SUPPORTED
from stratoscope.clouds.libvirt.events import BLOCK_JOBS
from stratoscope.clouds.libvirt.model import BlockJob

MIRRORS: Final = frozenset({"copy", "active_commit"})
"""Jobs that are visible in a domain's definition."""


def read(connection: Connection, wanted: Mapping[str, Iterable[str]], within_s: float) -> list[BlockJob]:
    """Jobs on these disks, as many as can be read in `within_s`; blocks.

    Args:
        connection: An open connection.
        wanted: Names of disks by UUID.
        within_s: Seconds.

    Raises:
        libvirt.libvirtError: The daemon is gone, or nothing can be read.
    """
    until = time.monotonic() + within_s
    found: list[BlockJob] = []
    failure = None
    for uuid, devices in wanted.items():
        for device in devices:
            if time.monotonic() > until or "blockJobInfo" in connection.lacks:
                return found
            try:
                job = _job(connection, uuid, device)
            except libvirt.libvirtError as error:
                if not connection.is_alive():
                    raise
                if error.get_error_code() not in GONE | NOT_SUPPORTED:
                    failure = error
                continue
            if job is not None:
                found.append(job)
    if failure is not None and not found:
        raise failure
    return found


def _job(connection: Connection, uuid: str, device: str) -> BlockJob | None:
    domain = connection.domain(uuid)
    try:
        info = domain.blockJobInfo(device, libvirt.VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            connection.lacks.add("blockJobInfo")
        raise
    if not info:
        return None
    job = vocabulary.at(BLOCK_JOBS, info["type"])
    return BlockJob(
        uuid=uuid,
        device=device,
        job=job,
        total=info["end"],
        processed=info["cur"],
        limit_bytes_per_second=info["bandwidth"],
    )
