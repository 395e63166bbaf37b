"""Two probes of the embedded OpenStack: one works, the other names an image that is deactivated."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stratoscope.demo.show import cloud
from stratoscope.demo.show.asking import get
from stratoscope.demo.show.terminal import say

PROBES: Final = (
    {"name": "boot-cirros", "image": "cirros", "console": "login:", "floating_ip": "external"},
    {"name": "boot-centos-7", "image": "centos-7"},  # the embedded cloud has deactivated it
)
PROBED_EVERY_S: Final = 20
"""Shorter than the pause of a person who reads, and longer than a run."""


def configuration(clouds_file: Path) -> dict[str, object]:
    """The probe exporter's configuration, for a plain user of the embedded OpenStack."""
    entry = {
        "name": cloud.NAME,
        "kind": "openstack",
        "os_cloud": "user1",
        "clouds_file": str(clouds_file),
    }
    common = {
        "cloud": cloud.NAME,
        "flavor": "t1.nano",
        "network": "astronomy-net",
        "interval": f"{PROBED_EVERY_S}s",
    }
    return {"clouds": [entry], "vmprobe": {"probes": [{**common, **probe} for probe in PROBES]}}


def have_run(at: str) -> bool:
    """Whether each probe has a result."""
    return all(verdict(probe["runs"]) != _NONE for probe in _probes(at))


def show(at: str) -> None:
    """What the probe exporter at this address found."""
    say(f"Can a user get a VM now? Two probes, each every {PROBED_EVERY_S} s")
    for probe in _probes(at):
        say(f"    {probe['name']} {verdict(probe['runs'])}")
        say(f"    {at}/probes/{probe['cloud']}/{probe['name']}")


_NONE: Final = "has no result yet"


def verdict(runs: Sequence[Mapping[str, Any]]) -> str:
    """The last run of a probe that succeeded or failed, in words."""
    for run in reversed(runs):
        if run["outcome"] == "success":
            built, gone = run["accepted_s"]["built"], run["phases"]["deleted"] + run["phases"]["gone"]
            return f"works: the VM ran {built:.1f} s after it was accepted, and was gone in {gone:.1f} s"
        if run["outcome"] == "failed":
            failure = run["failure"]
            return "fails: {phase}, {reason}, to blame: {blame}; {message}".format_map(failure)
    return _NONE


def _probes(at: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.loads(get(f"{at}/api/v1/probes"))["probes"]
    return found
