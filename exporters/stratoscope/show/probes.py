"""What the probes of the demo found, as their exporter says it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stratoscope.show.asking import get_json

_NONE: Final = "has no result yet"


def have_run(at: str) -> bool:
    """Whether each probe has a result. Raises NoAnswerError."""
    return all(verdict(probe["runs"]) != _NONE for probe in _probes(at))


def found(at: str) -> list[tuple[str, str]]:
    """What each probe found, and its page. Args: at: Of the exporter. Raises NoAnswerError."""
    return [
        (f"{one['name']} {verdict(one['runs'])}", f"{at}/probes/{one['cloud']}/{one['name']}")
        for one in _probes(at)
    ]


def verdict(runs: Sequence[Mapping[str, Any]]) -> str:
    """The last run of a probe that succeeded or failed, in words."""
    for run in reversed(runs):
        if run["outcome"] == "success":
            built, gone = run["accepted_s"]["built"], run["phases"]["deleted"] + run["phases"]["gone"]
            return f"works: the VM ran {built:.1f} s after it was accepted, and was gone in {gone:.1f} s"
        if run["outcome"] == "failed":
            words = "fails in the phase {phase}, reason: {reason}, to blame: the {blame}; {message}"
            return words.format_map(run["failure"])
    return _NONE


def _probes(at: str) -> list[Mapping[str, Any]]:
    probes: list[Mapping[str, Any]] = get_json(f"{at}/api/v1/probes")["probes"]
    return probes
