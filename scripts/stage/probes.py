"""Two probes of the embedded OpenStack: one works, the other names an image that is deactivated."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stage.children import get

PROBES = (
    {"name": "boot-cirros", "image": "cirros", "console": "login:", "floating_ip": "external"},
    {"name": "boot-centos-7", "image": "centos-7"},  # the embedded cloud has deactivated it
)
PROBED_EVERY_S = 20
"""Shorter than the pause of a person who reads, and longer than a run."""


def configuration(clouds_file: Path) -> str:
    """The probe exporter's configuration, for a plain user of the embedded OpenStack; JSON is YAML, too."""
    cloud = {"name": "demo", "kind": "openstack", "os_cloud": "user1", "clouds_file": str(clouds_file)}
    common = {
        "cloud": "demo",
        "flavor": "t1.nano",
        "network": "astronomy-net",
        "interval": f"{PROBED_EVERY_S}s",
    }
    entries = [{**common, **probe} for probe in PROBES]
    return json.dumps({"clouds": [cloud], "vmprobe": {"probes": entries}})


def show(at: str) -> None:
    """What the probe exporter at this address found."""
    print(f"Can a user get a VM now? Two probes in the embedded OpenStack, each every {PROBED_EVERY_S} s")
    for probe in json.loads(get(f"{at}/api/v1/probes"))["probes"]:
        print(f"    {probe['name']} {verdict(probe['runs'])}")
        print(f"    {at}/probes/{probe['cloud']}/{probe['name']}")


def verdict(runs: Sequence[Mapping[str, Any]]) -> str:
    """The last run of a probe that succeeded or failed, in words."""
    for run in reversed(runs):
        if run["outcome"] == "success":
            built, gone = run["accepted_s"]["built"], run["phases"]["deleted"] + run["phases"]["gone"]
            return f"works: the VM ran {built:.1f} s after it was accepted, and was gone in {gone:.1f} s"
        if run["outcome"] == "failed":
            failure = run["failure"]
            return "fails: {phase}, {reason}, to blame: {blame}; {message}".format_map(failure)
    return "has no result yet"
