"""Prints a page as nobody with the group libvirt sees it; run by root, who gives up all rights first."""

import asyncio
import concurrent.futures.thread  # noqa: F401 - later, nobody may not read where Python is installed
import grp
import os
import sys

import stratoscope.clouds.libvirt.kind  # noqa: F401 - the same
from stratoscope.core.exposition import page
from stratoscope.core.runner import Runner
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.exporter import EXPORTER
from support.opened import opened_exporter

NOBODY = 65534


async def main() -> None:
    settings = EXPORTER.parse({}, {flag: default for flag, (default, _) in PROGRAM.flags.items()})
    async with opened_exporter(EXPORTER, settings) as collections:
        runners = [Runner(collection) for collection in collections.running]
        for runner in runners:
            await runner.first()
        parts = [(await runner.lines(10))[0] for runner in runners]
        sys.stdout.buffer.write(b"".join(page([part for part in parts if part], openmetrics=False)))
        sys.stderr.write(f"left out: {[(one.collector, one.reason.value) for one in collections.left_out]}\n")


if __name__ == "__main__":
    os.setgroups([])
    os.setgid(grp.getgrnam("libvirt").gr_gid)
    os.setuid(NOBODY)
    asyncio.run(main())
