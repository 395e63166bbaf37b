"""Each dashboard is drawn by Grafana's own components, light and dark; what shows only then is found."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from support.debian import ROOT
from support.drawn_board import Drawing, board_and_json, complaints, given, remarks
from support.grafana_boards import FOLDER, files, parsed
from support.invented_answers import WINDOW, invented, invented_choices

pytestmark = pytest.mark.drawn

PICTURES = ROOT / "build" / "screenshots" / "dashboards"
TABLE = "What fails, and why"


def drawable(raw: dict[str, Any], *, empty: bool = False) -> dict[str, Any]:
    board = parsed(raw)
    return given(raw, invented_choices(board), WINDOW, invented(board, raw, empty=empty))


@pytest.fixture
def create() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "create.json").read_text())
    return found


def panel(board: dict[str, Any], title: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in board["panels"] if one["title"] == title)
    return found


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_each_panel_is_drawn_within_its_place(page: Drawing, file: Path, mode: str) -> None:
    board, raw = board_and_json(file)
    panels = page.draw(drawable(raw), mode)
    page.picture(PICTURES / f"{file.stem}-invented-{mode}.png")
    assert page.complaints == []
    assert complaints(board, panels) == []
    assert [one.title for one in panels] == [one.title for one in board.panels]
    assert [one.title for one in panels if one.empty] == []


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_panels_that_may_be_empty_say_so(page: Drawing, file: Path) -> None:
    board, raw = board_and_json(file)
    panels = page.draw(drawable(raw, empty=True), "light")
    assert page.complaints == []
    may_be_empty = [(one.title, one.says) for one in board.panels if one.may_be_empty and one.targets]
    assert [(one.title, one.text.strip()) for one in panels if one.empty] == may_be_empty


def test_table_has_its_headings_and_its_labels(page: Drawing, create: dict[str, Any]) -> None:
    (table,) = [one for one in page.draw(drawable(create), "light") if one.title == TABLE]
    words = table.text.split("\n")
    assert words[:3] == ["Cloud", "Probe", "Phase that fails"]
    assert {"cloud-a", "probe-b", "reason-d"} <= set(words)


def test_legends_show_what_legend_format_says(page: Drawing, create: dict[str, Any]) -> None:
    (lines,) = [one for one in page.draw(drawable(create), "light") if one.title == "Until the VM runs"]
    assert {"cloud-a: probe-a", "objective"} <= set(lines.text.split("\n"))


def test_words_and_units_replace_values(page: Drawing, create: dict[str, Any]) -> None:
    texts = {one.title: one.text for one in page.draw(drawable(create), "light")}
    assert "downtime" in texts["Does VM creation work?"]
    assert "%" in texts["Error budget left"]


def test_panel_without_data_that_is_not_marked_is_found(page: Drawing, create: dict[str, Any]) -> None:
    what = drawable(create)
    what["answers"][panel(create, "Phases")["id"]] = []
    found = complaints(parsed(create), page.draw(what, "light"))
    assert found == ["Phases: no data, and it is not marked"]


def test_panel_too_small_for_its_content_is_found(page: Drawing, create: dict[str, Any]) -> None:
    panel(create, "Error budget left")["gridPos"].update(w=1, h=2)
    found = complaints(parsed(create), page.draw(drawable(create), "light"))
    assert found
    assert all(one.startswith("Error budget left: ") for one in found)


def test_columns_and_names_that_are_out_of_sight_are_remarked(page: Drawing, create: dict[str, Any]) -> None:
    panel(create, TABLE)["gridPos"]["w"] = 6
    panel(create, "Within 30 min and 2 h")["gridPos"]["h"] = 3
    said = remarks(page.draw(drawable(create), "light"))
    assert f"{TABLE}: 4 columns are out of sight, such as 'Reason'" in said
    assert any("names of the legend are out of sight" in one for one in said)


def test_column_that_no_query_has_is_found(page: Drawing, create: dict[str, Any]) -> None:
    what = drawable(create)
    for answer in what["answers"][panel(create, TABLE)["id"]]:
        for one in answer["series"]:
            del one["labels"]["reason"]
    (table,) = [one for one in page.draw(what, "light") if one.title == TABLE]
    assert "Reason" not in table.text


@pytest.mark.parametrize(
    ("title", "spoiled", "says"),
    [
        (TABLE, {"transformations": [{"id": "organise", "options": {}}]}, "no transformation .organise."),
        ("Error budget left", {"type": "heatmap"}, "of the kind heatmap cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(
    page: Drawing, create: dict[str, Any], title: str, spoiled: dict[str, Any], says: str
) -> None:
    from playwright.sync_api import Error  # noqa: PLC0415 - other runs collect this folder, too

    board = deepcopy(create)
    panel(board, title).update(spoiled)
    with pytest.raises(Error, match=says):
        page.draw(given(board, {}, WINDOW, invented(parsed(create), create)), "light")
