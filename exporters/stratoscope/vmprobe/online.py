"""`--config.check --online`: looks up each probe in its cloud, as a run begins; creates nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError
from stratoscope.clouds.registry import kind
from stratoscope.core.errors import short_line
from stratoscope.vmprobe.entries import Probe
from stratoscope.vmprobe.in_time import in_time
from stratoscope.vmprobe.settings import KEY, Settings

_AT_ONCE: Final = 4
"""Probes of one cloud that are looked up at the same time."""

_NO_HOSTS: Final = "host_rotation: no host on which this credential may request VMs"


async def check_online(settings: Settings) -> Sequence[str]:
    """A line for each probe with which something is wrong, in the order of the configuration."""
    of_clouds = await asyncio.gather(*(_of_cloud(entry, settings.of(entry)) for entry in settings.clouds))
    wrong = {name: what for found in of_clouds for name, what in found.items()}
    return [f"{KEY}.probes: {one.name}: {wrong[one.name]}" for one in settings.probes if one.name in wrong]


async def _of_cloud(entry: Any, probes: Sequence[Probe]) -> dict[str, str]:
    """What is wrong, by the probe's name."""
    of_kind = kind(entry.kind)
    cloud = of_kind.opened_to_create(entry)
    log_ins: dict[str, asyncio.Task[str]] = {}
    turns = asyncio.Semaphore(_AT_ONCE)

    async def wrong_with(probe: Probe) -> str:
        async with turns:
            lifecycle = of_kind.lifecycle(cloud, probe.vm)
            name = lifecycle.credential
            if name not in log_ins:
                log_ins[name] = asyncio.create_task(_log_in(lifecycle, probe), name=f"log in {name}")
            return await log_ins[name] or await _look_up(lifecycle, probe)

    try:
        found = await asyncio.gather(*map(wrong_with, probes))
    finally:
        await cloud.close()
    return {probe.name: what for probe, what in zip(probes, found, strict=True) if what}


async def _log_in(lifecycle: Lifecycle, probe: Probe) -> str:
    """What is wrong with a credential; "" for nothing. Its probes share the log-in."""
    try:
        await in_time(lifecycle.authenticate(), probe.timeouts[Phase.AUTHENTICATE])
    except StepError as error:
        return _said(Phase.AUTHENTICATE, error)
    return ""


async def _look_up(lifecycle: Lifecycle, probe: Probe) -> str:
    """What is wrong with a probe whose credential is good; "" for nothing."""
    phase = Phase.RESOLVE
    try:
        if probe.rotation is not None:
            hosts = await in_time(lifecycle.hosts(), probe.timeouts[phase])
            if not hosts:
                return _said(phase, StepError(RunReason.PROBE_MISCONFIGURED, _NO_HOSTS))
            lifecycle = lifecycle.at(hosts[0])
        resolved = await in_time(lifecycle.resolve(), probe.timeouts[phase])
        phase = Phase.QUOTA_CHECK
        await in_time(lifecycle.check_quota(resolved), probe.timeouts[phase])
    except StepError as error:
        return _said(phase, error)
    return ""


def _said(phase: Phase, error: StepError) -> str:
    return short_line(f"{phase}: {error.reason}: {error}")
