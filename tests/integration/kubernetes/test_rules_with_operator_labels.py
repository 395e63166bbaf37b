"""The rules answer the same of series that are labelled as the Prometheus operator does."""

from pathlib import Path

import pytest
import yaml

from support.debian import ROOT
from support.operator_labels import as_the_operator, labelled
from support.promql import promtool_says

pytestmark = [pytest.mark.integration, pytest.mark.full]

TESTS = sorted((ROOT / "prometheus/tests").glob("*.yml"))


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("up", 'up{namespace="monitoring", pod="monitoring-x7k2p", container="exporter", '),
        ('up{job="stratoscope-hypervisor"}', 'up{job="stratoscope-hypervisor", namespace="hosts", '),
        ("cloud:stratoscope_vms:sum", "cloud:stratoscope_vms:sum"),
    ],
)
def test_series_of_exporters_are_labelled_by_the_operator(series: str, expected: str) -> None:
    """What the test below stands on."""
    assert labelled(series).startswith(expected)
    assert (labelled(series) == series) == (":" in series)


@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.stem)
def test_answers_are_those_without_the_operator(tests: Path, tmp_path: Path) -> None:
    (tmp_path / "rules").symlink_to(ROOT / "prometheus/rules")
    (tmp_path / "tests").mkdir()
    changed = as_the_operator(yaml.load(tests.read_text(), yaml.CSafeLoader))
    file = tmp_path / "tests" / tests.name
    file.write_text(yaml.dump(changed, Dumper=yaml.CSafeDumper))
    assert promtool_says(file) == ""
