"""The reference for availability and reliability, against what was computed by hand."""

import re
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
import yaml

from support.argo import Day, State, all_of, both, day, either, month
from support.worked_days import WORKED

RULES_TESTED = Path(__file__).parents[2] / "prometheus" / "tests" / "availability_days.yml"

AND = """
          ok        warning   unknown   missing   downtime  critical
ok        ok        warning   unknown   missing   downtime  critical
warning   warning   warning   unknown   missing   downtime  critical
unknown   unknown   unknown   unknown   missing   downtime  critical
missing   missing   missing   missing   missing   downtime  critical
downtime  downtime  downtime  downtime  downtime  downtime  critical
critical  critical  critical  critical  critical  critical  critical
"""
OR = """
          ok        warning   unknown   missing   downtime  critical
ok        ok        ok        ok        ok        ok        ok
warning   ok        warning   warning   warning   warning   warning
unknown   ok        warning   unknown   unknown   unknown   critical
missing   ok        warning   unknown   missing   downtime  critical
downtime  ok        warning   unknown   downtime  downtime  critical
critical  ok        warning   critical  critical  critical  critical
"""


def table(text: str) -> dict[tuple[State, State], State]:
    """A table of truth by its two sides."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (State(row[0]), State(column)): State(cell)
        for row in rows
        for column, cell in zip(head, row[1:], strict=True)
    }


@pytest.mark.parametrize("pair", list(product(State, State)))
def test_table_of_truth(pair: tuple[State, State]) -> None:
    assert (both(*pair), either(*pair)) == (table(AND)[pair], table(OR)[pair])


def test_one_critical_of_many_is_critical() -> None:
    assert all_of([State.OK, State.CRITICAL, State.DOWNTIME, State.MISSING]) is State.CRITICAL


@pytest.mark.parametrize("name", WORKED)
def test_worked_day(name: str) -> None:
    timeline, seconds, (availability, reliability) = WORKED[name]
    found = day(timeline)
    assert found == seconds
    assert (found.availability, found.reliability) == (Decimal(availability), Decimal(reliability))


def said(percent: Decimal) -> Decimal:
    """As a record says it, in percent: -1 is -100 %."""
    return percent if percent >= 0 else Decimal(-100)


def test_rules_are_tested_with_these_days() -> None:
    cases = yaml.safe_load(RULES_TESTED.read_text(encoding="utf-8"))["tests"][0]["promql_expr_test"]
    percents = {
        re.findall(r"scope:stratoscope_(\w+):ratio_yesterday", case["expr"])[0]: {
            re.findall(r'cloud="(\w+)"', sample["labels"])[0]: Decimal(sample["value"]) / 10**5
            for sample in case["exp_samples"]
        }
        for case in cases
        if "round(10000000 * scope:" in case["expr"]
    }
    days = {name: seconds for name, (_, seconds, _) in WORKED.items()}
    assert percents == {
        "availability": {name: said(one.availability) for name, one in days.items()},
        "reliability": {name: said(one.reliability) for name, one in days.items()},
    }


@pytest.mark.parametrize(
    "timeline",
    [[], [(60, State.OK)], [(0, State.OK), (0, State.CRITICAL)], [(0, State.OK), (86400, State.CRITICAL)]],
)
def test_timeline_that_is_no_day_is_refused(timeline: list[tuple[int, State]]) -> None:
    with pytest.raises(ValueError, match="of the day"):
        day(timeline)


def test_worked_month() -> None:
    """30 days: the five above once each, and 25 that are ok.

    Fractions of the five, to 5 decimals:
        up       0.93056 + 0.70833 + 0.58333 + 0 + 0 = 2.22222, with 25 that are ok 27.22222
        unknown  0       + 0       + 0.29167 + 0 + 1 = 1.29167
        down     0       + 0.25    + 0.04167 + 1 + 0 = 1.29167
    A = 27.22222 / (30 - 1.29167)           = 27.22222 / 28.70833 = 0.9482341...
    R = 27.22222 / (30 - 1.29167 - 1.29167) = 27.22222 / 27.41666 = 0.9929080...
    The mean of the percentages would be another:
    (93.05556 + 70.83333 + 82.35294 + 0 + 25 x 100) / 29 = 94.69...
    """
    days = [seconds for _, seconds, _ in WORKED.values()] + [Day(86400, 0, 0)] * 25
    assert month(days) == (Decimal("94.82342"), Decimal("99.29080"))


def test_month_of_which_nothing_is_known_says_nothing() -> None:
    assert month([Day(0, 86400, 0)] * 31) == (Decimal(-1), Decimal(-1))
