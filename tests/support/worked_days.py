"""Five days, computed by hand; those of prometheus/tests/availability_days.yml."""

from collections.abc import Mapping, Sequence
from typing import Final

from support.argo import Day, State

HOUR: Final = 3600
OK, WARNING, UNKNOWN, MISSING, DOWNTIME, CRITICAL = State

WORKED: Final[Mapping[str, tuple[Sequence[tuple[int, State]], Day, tuple[str, str]]]] = {
    # 100 min critical of 24 h; the 2 h of warning are up: 80,400 s.
    # 80,400 / 86,400 = 0.930555...
    "outage": (
        [(0, OK), (3 * HOUR, CRITICAL), (3 * HOUR + 6000, OK), (10 * HOUR, WARNING), (12 * HOUR, OK)],
        Day(80400, 0, 0),
        ("93.05556", "93.05556"),
    ),
    # 6 h planned, and 1 h critical after it: up 17 h. A = 17 / 24 = 0.708333..., R = 17 / 18 = 0.944444...
    "planned": (
        [(0, OK), (6 * HOUR, DOWNTIME), (12 * HOUR, CRITICAL), (13 * HOUR, OK)],
        Day(61200, 0, 21600),
        ("70.83333", "94.44444"),
    ),
    # Nothing is known for 4 h, at first, and 3 h, in the middle: 24 - 7 = 17 h known, 2 h of them critical
    # and 1 h planned: up 14 h. A = 14 / 17 = 0.8235294..., R = 14 / 16 = 0.875.
    "gaps": (
        [
            (0, MISSING), (4 * HOUR, OK), (8 * HOUR, MISSING), (11 * HOUR, OK), (14 * HOUR, CRITICAL),
            (16 * HOUR, OK), (20 * HOUR, DOWNTIME), (21 * HOUR, OK),
        ],
        Day(50400, 25200, 3600),
        ("82.35294", "87.50000"),
    ),
    # Planned all day long: A = 0 / 24 = 0, R = 0 / (24 - 24): nothing is said.
    "closed": ([(0, DOWNTIME)], Day(0, 0, 86400), ("0.00000", "-1")),
    # The project is to blame, all day long: 0 / (24 - 24) for both.
    "blind": ([(0, UNKNOWN)], Day(0, 86400, 0), ("-1", "-1")),
}  # fmt: skip
"""By name: the states and when they begin, the seconds, availability and reliability in percent."""
