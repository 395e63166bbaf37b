"""Questions to an OpenNebula whose oned answers what was recorded, or something else."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.config import Secret
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.exposition import page
from stratoscope.core.runner import Runner, Status
from stratoscope.management.exporter import EXPORTER
from support.opened import opened_exporter
from support.patience import FAR_S
from support.replayed_oned import SESSION, Oned, credentials, recorded, replayed

NOW = 1_795_305_320.0
"""Some seconds after the answers were recorded."""
PLAIN = {
    f"{pool}.info": recorded(f"of-a-user/{pool}.info")
    for pool in ("user", "hostpool", "vmpool", "userpool", "grouppool")
}
"""What a user without rights is answered."""


def cloud_of(oned: Oned, clock: Clock | None = None) -> OpenNebula:
    return OpenNebula(
        Found("one", endpoint=oned.endpoint, session=Secret(SESSION)), clock or Clock(now=lambda: NOW)
    )


async def asked(question: str, answers: Mapping[str, str | bytes] | None = None) -> Any:
    """The answer to one question."""
    async with replayed(answers) as oned:
        cloud = cloud_of(oned)
        deadline = DEADLINE.set(time.monotonic() + FAR_S)
        try:
            return await cloud.ask(question)
        finally:
            DEADLINE.reset(deadline)
            await cloud.close()


def changed(method: str, *replacements: tuple[str, str]) -> dict[str, str]:
    """What was recorded of a method, with the first occurrence of some texts replaced."""
    text = recorded(method)
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"{method}: there is no {old}")
        text = text.replace(old, new, 1)
    return {method.partition("-")[0]: text}


async def seen(
    folder: Path,
    answers: Mapping[str, str | bytes] | None = None,
    session: str = SESSION,
    **collectors: Any,
) -> tuple[dict[str, Status], str]:
    """How each collector of the exporter fares, and the page."""
    async with replayed(answers) as oned:
        file = credentials(folder, session)
        entry = {"name": "one", "kind": "opennebula", "endpoint": oned.endpoint, "credentials_file": file}
        document = {"clouds": [entry], "management": {"collectors": collectors}}
        async with opened_exporter(EXPORTER, EXPORTER.parse(document, {})) as collections:
            runners = [Runner(collection) for collection in collections.running]
            for runner in runners:
                await runner.first()
            outcomes = [await runner.lines(5) for runner in runners]
    lines = [lines for lines, _ in outcomes if lines is not None]
    names = [runner.collector.name for runner in runners]
    statuses = dict(zip(names, (status for _, status in outcomes), strict=True))
    return statuses, b"".join(page(lines, openmetrics=False)).decode()
