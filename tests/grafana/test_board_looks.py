"""What each panel shows beside its values, in `looks/BOARD.yml`: units, colours, words, names, columns."""

from pathlib import Path
from typing import Any, Final

import pytest

from support import board_parts
from support.board_cases import names, table
from support.board_looks import looks
from support.board_values import board

LOOKS: Final = Path(__file__).parent / "looks"


def said(name: str) -> Any:
    return table(LOOKS / f"{name}.yml")


@pytest.mark.parametrize("name", names())
def test_panels_look_as_is_said(name: str) -> None:
    shown = {panel["title"]: looks(panel) for panel in board_parts.drawn(board(name))}
    wanted = said(name)
    assert shown.keys() == wanted.keys(), f"say in tests/grafana/looks/{name}.yml how its panels look"
    wrong = {title: {"is": shown[title], "said": wanted[title]} for title in shown}
    assert {title: one for title, one in wrong.items() if one["is"] != one["said"]} == {}


@pytest.mark.parametrize("name", names())
def test_columns_and_words_are_in_the_order_that_is_said(name: str) -> None:
    wanted = said(name)
    for panel in board_parts.drawn(board(name)):
        assert [*looks(panel).get("columns", {})] == [*wanted[panel["title"]].get("columns", {})]
