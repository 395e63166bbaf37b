"""Questions to an OpenNebula whose oned answers what was recorded, or something else."""

import time
from collections.abc import Mapping
from typing import Any

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.config import Secret
from stratoscope.core.deadline import DEADLINE
from support.patience import FAR_S
from support.replayed_oned import SESSION, Oned, recorded, replayed

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
