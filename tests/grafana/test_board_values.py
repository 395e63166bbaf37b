"""Each query of each dashboard finds the values that `values/BOARD.yml` says, in series that are made up."""

import json
from pathlib import Path

import pytest

from support import board_cases
from support.board_values import what_differs


@pytest.mark.parametrize("name", board_cases.names())
def test_queries_find_what_their_cases_say(name: str, tmp_path: Path) -> None:
    asked = [(board_cases.expression(name, case), case) for case in board_cases.cases(name)]
    said = what_differs(tmp_path, [case.site.test(expr, case.found) for expr, case in asked])
    assert not said, [case.name for expr, case in asked if json.dumps(expr) in said] + [said]


@pytest.mark.parametrize("name", board_cases.names())
def test_each_query_has_a_case_in_which_it_finds_something(name: str) -> None:
    found = {case.name for case in board_cases.cases(name) if case.found}
    without = sorted(board_cases.queries(name).keys() - found)
    assert not without, (
        f"say in tests/grafana/values/{name}.yml what they find, and in which series: {without}"
    )
