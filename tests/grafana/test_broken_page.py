"""The page of what panels say when everything is broken."""

from pathlib import Path

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


def test_page_has_each_panel_and_none_that_is_gone() -> None:
    """`make dashboards` writes the rows, as `not tried yet`; the test of all faults fills them."""
    assert broken_page.page(broken_page.kept()) == broken_page.PAGE.read_text()


def of_page(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *rows: broken_page.Row
) -> dict[tuple[str, str], str]:
    """What is kept of a page with these rows."""
    page = folder / "page.md"
    page.write_text(broken_page.page(iter(rows)))
    monkeypatch.setattr(broken_page, "PAGE", page)
    return {(board, panel): says for board, panel, says in broken_page.kept()}


def test_panel_that_is_new_is_not_tried_yet_and_one_that_is_gone_has_no_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, other = ((board.title, panel.title) for board in BOARDS[1:3] for panel in board.panels[:1])
    found = of_page(monkeypatch, tmp_path, (*one, "a: 1"), ("Gone", "Panel", "none"))
    assert found[one] == "a: 1"
    assert found[other] == broken_page.UNTRIED
    assert ("Gone", "Panel") not in found
    broken_page.PAGE.write_text(broken_page.page(broken_page.kept()))
    assert other in broken_page.untried()
    assert one not in broken_page.untried()


def test_panel_that_was_silent_has_its_word_of_today(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = {
        (board.title, panel.title): panel.says for board in BOARDS for panel in board.panels if panel.targets
    }
    silent = next(key for key, says in words.items() if says == "not measured")
    always = next(key for key, says in words.items() if not says)
    found = of_page(monkeypatch, tmp_path, (*silent, "none"), (*always, "none"))
    assert found[silent] == "not measured"
    assert found[always] == broken_page.UNTRIED


def test_none_is_kept_of_a_panel_whose_query_finds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    finding = next(
        (board.title, panel.title)
        for board in BOARDS
        for panel in board.panels
        if broken_page.words(panel) == {"none", "not measured"}
    )
    assert of_page(monkeypatch, tmp_path, (*finding, "none"))[finding] == "none"


def test_page_says_which_panels_are_silent_by_the_word_that_they_say() -> None:
    assert broken_page.empty() <= {
        (board.title, panel.title, word)
        for board in BOARDS
        for panel in board.panels
        for word in broken_page.words(panel)
    }


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        ([told(Said(False, 1, "a|b: 2"))], "a/b: 2"),
        ([told(Said(False, 3, "a: 2"))], "3 series: a: 2"),
        ([told(Said(False)), told(Said(False, 1, "c: 1"))], "c: 1"),
        ([told(Said(False)), Told()], PANEL.says or broken_page.IN_DEMO),
        ([told(Said(False, 1, "none"))], "none"),
        ([told(Said(False, 1, "none")), told(Said(False, 1, "d: 1"))], "d: 1"),
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
