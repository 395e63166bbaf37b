"""The page that says by which fault each alert was made to fire."""

import re
from typing import Final, NamedTuple

import pytest

from stratoscope.rules import bundle
from support.debian import ROOT
from support.faults import ALL
from support.rule_fault import RuleFault

PAGE: Final = (ROOT / "docs/alerts-by-fault.md").read_text(encoding="utf-8")
TESTS: Final = ROOT / "prometheus" / "tests"


class Line(NamedTuple):
    """One of its tables with a factor."""

    fault: str
    factor: str
    seconds: str


def lines() -> list[tuple[str, Line]]:
    """Each with its alert."""
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in PAGE.splitlines()]
    found = [(re.match(r"\[?(Stratoscope\w+)", row[0]), row) for row in rows if row]
    return [(match[1], Line(*row[1:])) for match, row in found if match]


def test_each_alert_has_one_line() -> None:
    assert sorted(alert for alert, _ in lines()) == sorted(bundle.alerts())


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.alert)
def test_line_says_which_fault_is_made(fault: RuleFault) -> None:
    line = dict(lines())[fault.alert]
    assert (line.fault, line.factor) == (fault.words, str(fault.factor))


def test_line_of_the_hypervisor_says_which_fault_is_made() -> None:
    tests = [
        ROOT / "tests/integration" / name for name in ("test_contention.py", "test_hypervisor_alerts.py")
    ]
    made = "".join(path.read_text(encoding="utf-8") for path in tests)
    others = {fault.alert for fault in ALL}
    for alert, line in lines():
        if alert not in others and line.seconds:
            assert f'"{alert}"' in made
            assert f'"{line.fault}"' in made


def test_alert_that_no_fault_made_fire_names_the_test_that_does() -> None:
    without = {alert: line for alert, line in lines() if not line.seconds}
    for alert, line in without.items():
        (name,) = re.findall(r"\(\.\./prometheus/tests/(\S+)\)", line.fault)
        assert f"alertname: {alert}" in (TESTS / name).read_text(encoding="utf-8"), alert
