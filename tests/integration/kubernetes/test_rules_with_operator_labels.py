"""The rules answer the same of series that are labelled as the Prometheus operator does."""

import json
from pathlib import Path

import pytest
import yaml

from support.debian import ROOT
from support.operator_labels import OPERATOR, as_the_operator
from support.promql import promtool_says

pytestmark = [pytest.mark.integration, pytest.mark.full]

TESTS = sorted((ROOT / "prometheus/tests").glob("*.yml"))


@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.stem)
def test_answers_are_those_without_the_operator(tests: Path, tmp_path: Path) -> None:
    (tmp_path / "rules").symlink_to(ROOT / "prometheus/rules")
    (tmp_path / "tests").mkdir()
    changed = as_the_operator(yaml.load(tests.read_text(), yaml.CSafeLoader))
    series = [one["series"] for test in changed["tests"] for one in test.get("input_series", ())]
    assert any(f'{label}="' in one for one in series for label in OPERATOR)
    file = tmp_path / "tests" / tests.name
    file.write_text(json.dumps(changed))
    assert promtool_says(file) == ""
