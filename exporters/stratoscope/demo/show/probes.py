"""Probes of the embedded clouds: one of each works, another boots an image whose data is lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stratoscope.demo.show import clouds
from stratoscope.demo.show.asking import get_json

_OF_OPENSTACK: Final = {"cloud": clouds.OPENSTACK.name, "flavor": "t1.nano", "network": "astronomy-net"}
PROBES: Final = (
    {
        "name": "boot-cirros",
        **_OF_OPENSTACK,
        "image": "cirros",
        "console": "login:",
        "floating_ip": "external",
        "interval": "20s",  # longer than a run
    },
    {
        "name": f"boot-{clouds.LOST['image']}",
        **_OF_OPENSTACK,
        "image": clouds.LOST["image"],
        "interval": "10s",
    },
    {"name": "boot-nano", "cloud": clouds.OPENNEBULA.name, "template": "t1.nano", "interval": "20s"},
)


def entries(folder: Path) -> list[dict[str, object]]:
    """The clouds, for a plain user of each."""
    openstack, opennebula = (one.entry(folder) for one in clouds.CLOUDS)
    credential = folder / "one_user"
    credential.touch(0o600)
    credential.write_text(clouds.USER)
    return [{**openstack, "os_cloud": "user1"}, {**opennebula, "credentials_file": str(credential)}]


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
