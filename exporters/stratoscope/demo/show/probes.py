"""Two probes of the embedded OpenStack: one works, the other boots an image whose data is lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stratoscope.demo.show import cloud
from stratoscope.demo.show.asking import get_json

PROBES: Final = (
    {
        "name": "boot-cirros",
        "image": "cirros",
        "console": "login:",
        "floating_ip": "external",
        "interval": "20s",  # longer than a run
    },
    {
        "name": f"boot-{cloud.LOST['image']}",
        "image": cloud.LOST["image"],
        "interval": "10s",
    },
)


def configuration(clouds_file: Path) -> dict[str, object]:
    """The probe exporter's configuration, for a plain user of the embedded OpenStack."""
    entry = {
        "name": cloud.NAME,
        "kind": "openstack",
        "os_cloud": "user1",
        "clouds_file": str(clouds_file),
    }
    common = {"cloud": cloud.NAME, "flavor": "t1.nano", "network": "astronomy-net"}
    return {"clouds": [entry], "vmprobe": {"probes": [{**common, **probe} for probe in PROBES]}}


def have_run(at: str) -> bool:
    """Whether each probe has a result. Raises NoAnswerError."""
    return all(verdict(probe["runs"]) != _NONE for probe in _probes(at))


def found(at: str) -> list[tuple[str, str]]:
    """What each probe found, and its page. Args: at: Of the exporter. Raises NoAnswerError."""
    return [
        (f"{one['name']} {verdict(one['runs'])}", f"{at}/probes/{one['cloud']}/{one['name']}")
        for one in _probes(at)
    ]


_NONE: Final = "has no result yet"


def verdict(runs: Sequence[Mapping[str, Any]]) -> str:
    """The last run of a probe that succeeded or failed, in words."""
    for run in reversed(runs):
        if run["outcome"] == "success":
            built, gone = run["accepted_s"]["built"], run["phases"]["deleted"] + run["phases"]["gone"]
            return f"works: the VM ran {built:.1f} s after it was accepted, and was gone in {gone:.1f} s"
        if run["outcome"] == "failed":
            failure = run["failure"]
            return (
                "fails in the phase {phase}, reason: {reason}, to blame: the {blame}; {message}".format_map(
                    failure
                )
            )
    return _NONE


def _probes(at: str) -> list[Mapping[str, Any]]:
    probes: list[Mapping[str, Any]] = get_json(f"{at}/api/v1/probes")["probes"]
    return probes
