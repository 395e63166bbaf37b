"""Colours that a colour-blind reader tells apart, by Okabe and Ito; and what they mean."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

GOOD: Final = "#009E73"
NEAR: Final = "#E69F00"
BAD: Final = "#D55E00"
UNKNOWN: Final = "#999999"
PLANNED: Final = "#56B4E9"
PLAIN: Final = "#0072B2"
LINES: Final = (PLAIN, NEAR, GOOD, "#CC79A7", PLANNED, "#F0E442")
"""Of lines, one after the other."""


def steps(*limits: tuple[float, str], below: str = GOOD) -> ThresholdsConfig:
    """Colours from the given values on, and the one below the first."""
    all_steps = [Threshold(None, below), *(Threshold(value, colour) for value, colour in limits)]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(all_steps)


def over_threshold() -> ThresholdsConfig:
    """Of a value over its alert's threshold: near from 0.8, bad from 1, where the alert is."""
    return steps((0.8, NEAR), (1, BAD))


def high_is_good(near: float, good: float) -> ThresholdsConfig:
    return steps((near, NEAR), (good, GOOD), below=BAD)
