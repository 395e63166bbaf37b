"""A copy of the rules in which time goes faster, so that each alert can fire by a real fault within minutes.

Prometheus must go faster as well: evaluate every `evaluated_every` seconds, and look back for `looks_back`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from stratoscope.core import durations
from stratoscope.rules import thresholds

DIVIDED: Final = frozenset(
    {
        "disagreement_grace_seconds",
        "import_late_seconds",
        "leaked_age_seconds",
        "migration_seconds",
        "pool_full_seconds",
        "retention_seconds",
        "room_horizon_seconds",
        "vm_transition_seconds",
    }
)
"""Thresholds that are a time of ours: they are divided, too."""
KEPT: Final[Mapping[str, str]] = {
    "certificate_left_seconds": "a certificate expires when it says",
    "clock_skew_seconds": "clocks do not go faster",
    "cloud_clock_skew_seconds": "clocks do not go faster",
    "silences_late_seconds": "the downtime exporter looks every 30 s",
    "vm_active_within_seconds": "the VM takes its time, and a histogram has its buckets",
}
"""Thresholds in seconds that stay as they are, and why."""
_OF_RATE: Final = 4
"""Scrapes that a window must hold, so that one that fails leaves a rate."""
_EVALUATED_S: Final = 60
_LOOKBACK_S: Final = 300
_DURATION: Final = r"(?:\d+(?:ms|[smhdwy]))+"
_TOKENS: Final = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    rf"|(?P<window>\[{_DURATION}(?::(?:{_DURATION})?)?\])"
    rf"|(?P<offset>\boffset -?{_DURATION})"
    r"|(?P<number>\b60(?= \* sum_over_time)|\b240\b|\b3600\b)"
)
"""What is looked at in an expression. The numbers: seconds of an evaluation, of four minutes, of an hour."""
_DAY: Final = re.compile(r"(?<!vector\()\b86400\b")


def evaluated_every(factor: float) -> float:
    """The evaluation interval, in seconds, that Prometheus needs with this copy."""
    return _EVALUATED_S / factor


def looks_back(factor: float, scraped_every_s: float) -> float:
    """The value in seconds of --query.lookback-delta with this copy."""
    return max(_LOOKBACK_S / factor, _OF_RATE * scraped_every_s)


def faster(texts: Mapping[str, str], factor: float, *, scraped_every_s: float) -> dict[str, Any]:
    """The groups of all files of a bundle in one document, with durations divided by the factor.

    Windows hold four scrapes at least. Groups that count days of UTC (they name 86400) stay as they are.
    """
    groups = [group for text in texts.values() for group in yaml.safe_load(text)["groups"]]
    return {"groups": [_group(group, factor, _OF_RATE * scraped_every_s) for group in groups]}


def _group(group: Mapping[str, Any], factor: float, least_s: float) -> Mapping[str, Any]:
    if any(_DAY.search(rule["expr"]) for rule in group["rules"]):
        return group
    found = {**group, "rules": [_rule(rule, factor, least_s) for rule in group["rules"]]}
    if "interval" in group:
        found["interval"] = _divided(group["interval"], factor, least_s=1)
    return found


def _rule(rule: Mapping[str, Any], factor: float, least_s: float) -> Mapping[str, Any]:
    found = {**rule, "expr": _expression(rule["expr"], factor, least_s)}
    if rule.get("record") in {thresholds.RECORD.format(name) for name in DIVIDED}:
        value = float(rule["expr"].removeprefix("vector(").removesuffix(")"))
        found["expr"] = f"vector({value / factor!r})"
    if "for" in rule:
        found["for"] = _divided(rule["for"], factor)
    return found


def _expression(expression: str, factor: float, least_s: float) -> str:
    def changed(match: re.Match[str]) -> str:
        text = match.group()
        if match["window"]:
            window, colon, step = text.strip("[]").partition(":")
            step = _divided(step, factor, least_s=1) if step else ""
            return f"[{_divided(window, factor, least_s=least_s)}{colon}{step}]"
        if match["offset"]:
            return re.sub(_DURATION, lambda one: _divided(one.group(), factor), text)
        return text if match["text"] else f"{float(text) / factor:.9g}"

    return _TOKENS.sub(changed, expression)


def _divided(duration: str, factor: float, *, least_s: float = 0) -> str:
    """A duration, but no longer one than it was, even where that is less than the least."""
    before = durations.seconds(duration)
    after = min(before, max(before / factor, least_s))
    return f"{after:.0f}s" if after == int(after) else f"{after * 1000:.0f}ms"
