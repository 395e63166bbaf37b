"""Block jobs of disks whose definition has a mirror, VM by VM. Source: virDomainGetBlockJobInfo.

A VM whose monitor hangs affects only its own jobs. The call that waits for it is abandoned, and no call for
that VM is made until it returns.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from stratoscope.clouds.libvirt import block_jobs
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.model import BlockJob
from stratoscope.core.errors import CollectError, Reason

log = logging.getLogger(__name__)

MOST_UNDER_WAY: Final = 4
"""Limit on VMs whose jobs are read at once, including those whose monitor hangs: each call occupies one of
the daemon's workers."""
_SHARE: Final = 0.8
"""The share of the time left after which a call leaves out the remaining disks."""

Jobs: TypeAlias = list[BlockJob]


class Mirrors:
    """The calls of one URI; one `ask` at a time."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._under_way: dict[str, asyncio.Future[Jobs]] = {}

    async def ask(self, wanted: Mapping[str, Sequence[str]], within_s: float) -> Jobs:
        """The jobs of these disks (names by UUID), of all VMs that answer in time.

        Raises:
            CollectError: No VM answers.
        """
        until = time.monotonic() + within_s
        waiting = [uuid for uuid in wanted if uuid not in self._under_way]
        calls: set[asyncio.Future[Jobs]] = set()
        found: list[Jobs] = []
        failures: list[BaseException] = []
        while (left_s := until - time.monotonic()) > 0:
            while waiting and len(self._under_way) < MOST_UNDER_WAY:
                uuid = waiting.pop()
                calls.add(self._start(uuid, wanted[uuid], left_s * _SHARE))
            if not calls:
                break
            done, calls = await asyncio.wait(calls, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                error = one.exception()
                if error is None:
                    found.append(one.result())
                else:
                    failures.append(error)
        if wanted and not found:
            raise failures[0] if failures else CollectError(Reason.TIMEOUT, "no monitor answers")
        return [job for jobs in found for job in jobs]

    def _start(self, uuid: str, devices: Sequence[str], within_s: float) -> "asyncio.Future[Jobs]":
        future = self._connections.start(block_jobs.read, {uuid: devices}, within_s)
        self._under_way[uuid] = future
        future.add_done_callback(lambda done: self._returned(uuid, done))
        return future

    def _returned(self, uuid: str, future: "asyncio.Future[Jobs]") -> None:
        del self._under_way[uuid]
        if future.exception() is not None:
            log.debug("no block jobs uuid=%s error=%r", uuid, str(future.exception()))
