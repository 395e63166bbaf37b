"""The page of what panels say when everything is broken."""

import pytest

from support import broken_page
from support.asked_boards import Key, Said, Told
from support.grafana_boards import files, load

BOARDS = [load(file) for file in files()]
PANEL = next(panel for panel in BOARDS[0].panels if panel.targets)
KEY = Key(BOARDS[0].uid.removeprefix("stratoscope-"), PANEL.title, PANEL.targets[0].ref)


def says(*sets: Told) -> str:
    found = {(board, panel): said for board, panel, said in broken_page.rows(sets)}
    return found[BOARDS[0].title, PANEL.title]


def told(said: Said) -> Told:
    return Told({KEY: said})


def test_page_has_each_panel() -> None:
    """STRATOSCOPE_GOLDEN=1 and the test of all faults write them anew."""
    assert broken_page.panels() == {
        (board.title, panel.title) for board in BOARDS for panel in board.panels if panel.targets
    }


def test_page_says_which_panels_are_silent_by_the_word_that_they_say() -> None:
    words = {(board.title, panel.title, panel.says) for board in BOARDS for panel in board.panels}
    assert broken_page.empty() <= words


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        ([told(Said(False, 1, "a|b: 2"))], "a/b: 2"),
        ([told(Said(False, 3, "a: 2"))], "3 series: a: 2"),
        ([told(Said(False)), told(Said(False, 1, "c: 1"))], "c: 1"),
        ([told(Said(False)), Told()], PANEL.says or broken_page.IN_DEMO),
    ],
)
def test_panel_says_what_it_says_in_the_first_set_with_data(sets: list[Told], text: str) -> None:
    assert says(*sets) == text


def test_answer_with_more_series_is_kept() -> None:
    found = told(Said(False, 1, "one"))
    found.add(KEY, Said(False, 2, "two"))
    found.add(KEY, Said(False, 0))
    assert (found.said[KEY].text, found.seen(), found.panels()) == ("two", {KEY}, {KEY[:2]: 2})


def test_queries_of_a_table_are_merged_into_its_rows() -> None:
    of_lines = {Key("now", "lines", ref): Said(False, 2) for ref in "AB"}
    of_rows = {Key("now", "rows", ref): Said(False, count, table=True) for ref, count in (("A", 3), ("B", 2))}
    assert Told({**of_lines, **of_rows}).panels() == {("now", "lines"): 4, ("now", "rows"): 3}


def test_table_has_a_heading_of_each_dashboard() -> None:
    rows = [("One", "A", "a: 1"), ("One", "B", "none"), ("Two", "C", "1")]
    assert broken_page.table(iter(rows)) == (
        "### One\n\n| panel | says |\n|---|---|\n| A | a: 1 |\n| B | none |\n"
        "\n### Two\n\n| panel | says |\n|---|---|\n| C | 1 |\n"
    )
