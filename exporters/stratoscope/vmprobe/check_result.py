"""The answer of `check-vmprobe`: what the last run of a probe means, as a Nagios plug-in says it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from stratoscope.core.nagios.answer import CRITICAL, OK, UNKNOWN, WARNING, Answer, answer

SERVICE: Final = "VMPROBE"
_OF_BLAME: Final = {"cloud": CRITICAL, "project": WARNING, "probe": UNKNOWN}
"""A failure of the cloud is critical, and one of the project is a warning. A probe that is misconfigured
knows nothing of the cloud."""
_VERDICTS: Final = ("success", "failed")
_TO_ACTIVE: Final = "time_to_active"
_PHASE: Final = re.compile("[a-z_]{1,30}")
_MOST_PHASES: Final = 30


class Slow(NamedTuple):
    """From which time to ACTIVE on a success is a warning, or critical; None for never. In seconds."""

    warning: float | None = None
    critical: float | None = None

    def status(self, seconds: float | None) -> int:
        """Args: seconds: The time to ACTIVE; None if it is unknown."""
        if seconds is None:
            return OK
        if self.critical is not None and seconds > self.critical:
            return CRITICAL
        return WARNING if self.warning is not None and seconds > self.warning else OK

    def __str__(self) -> str:
        """The two as performance data have them."""
        return ";".join("" if limit is None else f"{limit:.3f}" for limit in self)


NEVER_SLOW: Final = Slow()


@dataclass(frozen=True, slots=True)
class Result:
    """What the plug-in answers.

    Attributes:
        status: The exit status.
        text: For a person.
        perfdata: By label, in seconds.
        slow: The limits of the time to ACTIVE.
    """

    status: int
    text: str
    perfdata: Mapping[str, float]
    slow: Slow = NEVER_SLOW

    @property
    def answer(self) -> Answer:
        perfdata = [self._measured(label, seconds) for label, seconds in self.perfdata.items()]
        return answer(SERVICE, self.status, self.text, perfdata)

    def _measured(self, label: str, seconds: float) -> str:
        return f"{label}={seconds:.3f}s;{self.slow if label == _TO_ACTIVE else NEVER_SLOW};0"


def judged(probe: Mapping[str, Any], max_age_s: float | None = None, slow: Slow = NEVER_SLOW) -> Result:
    """What a probe's state and last run say.

    Args:
        probe: As the API shows it.
        max_age_s: After this time since its end a run says nothing; None for two intervals and its time-outs.
        slow: What a success is that took long.
    """
    name = f"{probe['name']} in {probe['cloud']}"
    why = f": {probe['why']}" if probe["why"] else ""
    if probe["state"] == "paused":
        return Result(OK, f"{name} is paused{why}", {})
    last = next((run for run in reversed(probe["runs"]) if run["outcome"] in _VERDICTS), None)
    if last is None:
        return Result(UNKNOWN, f"{name}: no run has ended yet; {probe['state']}{why}", {})
    age = max(probe["as_of"] - last["ended"], 0.0)
    perfdata = dict(_perfdata(last, age))
    if not age <= _most_s(probe, max_age_s):  # NaN is no age
        text = f"{name} is stale: its last run ended {_span(age)} ago; {probe['state']}{why}"
        return Result(UNKNOWN, text, perfdata, slow)
    if last["outcome"] == "success":
        status = slow.status(perfdata.get(_TO_ACTIVE))
        works = "is slow" if status else "works"
        text = f"{name} {works}{_active(last)}, {_span(age)} ago{_left_out(last)}"
        return Result(status, text, perfdata, slow)
    failure = last["failure"]
    text = (
        f"{name} fails in {failure['phase']}: {failure['reason']}, blame {failure['blame']}, {_span(age)} ago"
    )
    message = f": {failure['message']}" if failure["message"] else ""
    return Result(_OF_BLAME[failure["blame"]], text + message, perfdata, slow)


def _most_s(probe: Mapping[str, Any], max_age_s: float | None) -> float:
    """The age from which a run says nothing. A probe that backs off runs less often on purpose."""
    if max_age_s is not None:
        return max_age_s
    usual: float = 2 * probe["interval_s"] + probe["timeout_s"]
    is_backing_off = probe["state"] == "backing_off" and probe["next_run"] is not None
    if is_backing_off and probe["as_of"] <= probe["next_run"] + probe["timeout_s"]:
        return float("inf")
    return usual


def _active(run: Mapping[str, Any]) -> str:
    built = run["accepted_s"].get("built")
    return "" if built is None else f": active {built:.1f} s after it was accepted"


def _left_out(run: Mapping[str, Any]) -> str:
    return f"; left out: {', '.join(run['left_out'])}" if run.get("left_out") else ""


def _perfdata(run: Mapping[str, Any], age: float) -> Iterator[tuple[str, float]]:
    if "built" in run["accepted_s"]:
        yield _TO_ACTIVE, run["accepted_s"]["built"]
    yield "run_duration", max(run["ended"] - run["began"], 0.0)
    yield "run_age", age
    phases = ((phase, seconds) for phase, seconds in run["phases"].items() if _PHASE.fullmatch(phase))
    yield from islice(phases, _MOST_PHASES)


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
