"""Each dashboard has the types that Grafana publishes, and each kind of mistake is found."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.drawn_board import CHECK
from support.grafana_boards import FOLDER, files

pytestmark = pytest.mark.drawn

Board = dict[str, Any]


def panel(board: Board, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in board["panels"] if one["type"] == kind)
    return found


def spoil(path: str, value: Any, kind: str = "") -> Callable[[Board], None]:
    """What puts the value there: at a path of the dashboard, or of its first panel of this kind."""
    *before, last = path.split("/")

    def put(board: Board) -> None:
        at: Any = panel(board, kind) if kind else board
        for step in before:
            at = at[int(step)] if isinstance(at, list) else at[step]
        at[last] = value

    return put


MISTAKES = {
    "title-is-a-number": (spoil("title", 3), "Type 'number' is not assignable to type 'string'"),
    "unknown-key-of-the-dashboard": (spoil("rows", []), "'\"rows\"' does not exist"),
    "cursor-that-is-no-enumeration": (spoil("graphTooltip", 7), "Type '7' is not assignable"),
    "unknown-kind-of-link": (spoil("links/0/type", "board"), "'\"board\"' is not assignable"),
    "unknown-refresh-of-a-variable": (spoil("templating/list/1/refresh", 9), "Type '9' is not assignable"),
    "panel-title-is-a-number": (spoil("title", 3, "stat"), "Type 'number' is not assignable"),
    "unknown-key-of-a-panel": (spoil("heading", "x", "stat"), "'\"heading\"' does not exist"),
    "unknown-colour-mode": (
        spoil("fieldConfig/defaults/color/mode", "rainbow", "timeseries"),
        "'\"rainbow\"' is not assignable",
    ),
    "unit-is-a-number": (spoil("fieldConfig/defaults/unit", 1, "timeseries"), "Type 'number'"),
    "unknown-key-in-options": (spoil("options/legends", {}, "timeseries"), "'\"legends\"' does not exist"),
    "legend-that-is-no-enumeration": (
        spoil("options/legend/displayMode", "row", "timeseries"),
        "'\"row\"' is not assignable",
    ),
    "unknown-text-mode-of-a-stat": (spoil("options/textMode", "big", "stat"), "'\"big\"' is not assignable"),
    "unknown-key-of-a-field": (
        spoil("fieldConfig/defaults/custom/width", 2, "timeseries"),
        "'\"width\"' does not exist",
    ),
    "unknown-stacking": (
        spoil("fieldConfig/defaults/custom/stacking", {"mode": "high"}, "timeseries"),
        "'\"high\"' is not assignable",
    ),
    "override-of-an-unknown-key": (
        spoil("fieldConfig/overrides/0/properties/0/id", "custom.colour", "table"),
        "'\"colour\"' does not exist",
    ),
    "override-of-the-wrong-type": (
        spoil("fieldConfig/overrides/0/properties/0/value", 5, "table"),
        "Type 'number' is not assignable",
    ),
    "unknown-key-of-a-target": (spoil("targets/0/query", "up", "stat"), "'\"query\"' does not exist"),
    "target-of-another-data-source": (
        spoil("targets/0/datasource/type", "loki", "stat"),
        "'\"loki\"' is not assignable",
    ),
    "unknown-panel": (spoil("type", "graph", "stat"), "'\"graph\"'"),
}


def said(*arguments: str | Path) -> tuple[int, Sequence[str]]:
    node = shutil.which("node")
    assert node is not None, "node is not installed; `make dashboards-check` installs it"
    command: list[str | Path] = [node, CHECK / "types.mjs", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """What is said about a dashboard per mistake."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name, (spoil_it, _) in MISTAKES.items():
        board = json.loads((FOLDER / "create.json").read_text())
        spoil_it(board)
        (folder / f"{name}.json").write_text(json.dumps(board))
    status, lines = said(*sorted(folder.glob("*.json")))
    assert status == 1
    return lines


def test_all_dashboards_have_the_types_of_grafana() -> None:
    assert said("--all", *files()) == (0, [])


def test_what_is_accepted_and_nowhere_needed_is_a_mistake(tmp_path: Path) -> None:
    board = json.loads((FOLDER / "create.json").read_text())
    board["annotations"]["list"] = []
    (tmp_path / "create.json").write_text(json.dumps(board))
    status, lines = said("--all", tmp_path / "create.json")
    assert (status, lines[0]) == (1, "accepted, but in no dashboard: annotations: expr")


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found_and_its_place_is_said(found: Sequence[str], name: str) -> None:
    (line,) = [one for one in found if one.startswith(f"{name}.json")]
    assert MISTAKES[name][1] in line


def test_only_these_mistakes_are_found(found: Sequence[str]) -> None:
    assert len(found) == len(MISTAKES)
