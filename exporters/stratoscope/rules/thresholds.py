"""Thresholds and objectives: one record each, in a file of their own. All other rules read the records."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

import msgspec
import yaml
from prometheus_client.utils import floatToGoString

from stratoscope.core.errors import ConfigError

RECORD: Final = "global:{}:threshold"
"""The name of a threshold's record."""
BUCKET: Final = "global:{}:bucket"
_WIDTH: Final = 102


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that an operator may change.

    Attributes:
        value: In base units; the name says which.
        text: What it is compared with, and why it is so by default.
        most: The largest value that means something, such as 1 for a share.
        is_bucket: Whether it is the bound of a histogram's bucket. A selector cannot read a record, so rules
            join the histogram with the record BUCKET on `le`.
    """

    value: float
    text: str
    most: float = math.inf
    is_bucket: bool = False


@cache
def known() -> Mapping[str, Threshold]:
    """All thresholds of the bundle by name, with their defaults."""
    files = sorted(
        (resources.files(__package__) / "source" / "thresholds").iterdir(), key=lambda one: one.name
    )
    found = [msgspec.yaml.decode(file.read_bytes(), type=dict[str, Threshold]) for file in files]
    return {name: threshold for one in found for name, threshold in one.items()}


def check(name: str, value: float) -> None:
    """Raises ConfigError: The value means nothing for this threshold."""
    most = known()[name].most
    if not 0 <= value <= most or math.isinf(value):  # a NaN is in no range
        allowed = "0 or more" if math.isinf(most) else f"0 to {most:g}"
        raise ConfigError(f"thresholds.{name}: {value:g} is out of range; allowed: {allowed}")


def written(changed: Mapping[str, float], projects: Sequence[str], flavors: Sequence[str]) -> str:
    """The groups of the file in YAML: all thresholds, with changed values, and what is watched."""
    lines = ["groups:", "  - name: stratoscope-thresholds", "    interval: 1m", "    rules:"]
    for name, threshold in known().items():
        value = changed.get(name, threshold.value)
        lines += [f"      # {line}" for line in textwrap.wrap(threshold.text, _WIDTH)]
        lines += _record(RECORD.format(name), value)
        if threshold.is_bucket:
            for le in _spellings(value):
                lines += _record(BUCKET.format(name), 1, le=le)
    for one in dict.fromkeys(projects):  # Prometheus takes no record twice
        lines += _record("global:watched_project_id:info", 1, **_of_project(one))
    for one in dict.fromkeys(flavors):
        lines += _record("global:watched_flavor:info", 1, flavor=one)
    return "\n".join(lines) + "\n"


def _of_project(text: str) -> Mapping[str, str]:
    """The labels of a watched project, `ID` or `CLOUD/ID`."""
    cloud, _, project = text.rpartition("/")
    return {"cloud": cloud, "project_id": project} if cloud else {"project_id": project}


def _spellings(bound: float) -> Sequence[str]:
    """A bound as `le` has it: Prometheus 3 writes 60.0, where 2 keeps what a library writes."""
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # it has no types
    return [text.removesuffix(".0"), text] if text.endswith(".0") else [text]


def _record(name: str, value: float, **labels: str) -> list[str]:
    lines = [f"      - record: {name}", f"        expr: vector({value!r})"]
    if labels:
        lines += ["        labels:"]
    return lines + [f"          {label}: {_quoted(text)}" for label, text in labels.items()]


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf)
    return quoted.rstrip("\n")
