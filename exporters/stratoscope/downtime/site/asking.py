"""Asks Alertmanagers for the alerts that a downtime would silence, all at once."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from stratoscope.downtime.draft import Checked
from stratoscope.downtime.pages.preview import Preview, preview
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.errors import AlertmanagerError

PREVIEW_TIMEOUT_S: Final = 5.0
"""So long a preview waits."""


async def asked(alertmanagers: Sequence[Alertmanager], fields: Checked, now: float) -> Preview:
    """What would be silenced now, as far as Alertmanagers answer in time."""
    failed: dict[str, str] = {}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_alerts(one, failed)) for one in alertmanagers]
    answers = [found for task in tasks if (found := task.result()) is not None]
    # Thousands of alerts against 20 sets take a while: not in the loop.
    return await asyncio.to_thread(preview, fields, now, answers, failed)


async def _alerts(one: Alertmanager, failed: dict[str, str]) -> Sequence[Mapping[str, str]] | None:
    """The labels of all its alerts; None, and why in `failed`."""
    try:
        async with asyncio.timeout(PREVIEW_TIMEOUT_S):
            return [alert.labels for alert in await one.alerts(())]
    except AlertmanagerError as error:
        failed[one.name] = str(error)
    except TimeoutError:
        failed[one.name] = f"no answer within {PREVIEW_TIMEOUT_S:g} s"
    return None
