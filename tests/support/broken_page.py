"""The page that says what each panel shows when everything is broken."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from support.asked_boards import Key, Said, Told
from support.board_parts import NONE, finds_none
from support.debian import ROOT
from support.grafana_boards import Panel, files, load

PAGE: Final = ROOT / "docs" / "dashboards-when-broken.md"
_BEGINS: Final = "<!-- panels -->\n"
_ENDS: Final = "<!-- /panels -->\n"
IN_DEMO: Final = "nothing; it has data in the demo"

SILENT: Final = (NONE, "not measured", "none, or not measured", "no rules, or no exporter", IN_DEMO)
"""What a panel says, or does not say, that has nothing to show."""
UNTRIED: Final = "not tried yet"
"""Of a panel that is newer than the last round of faults."""

_LONGEST: Final = 120
"""Of the labels of a series, so many characters are shown."""

Row = tuple[str, str, str]
"""A dashboard, a panel, and what it says."""


def rows(sets: Sequence[Told]) -> Iterator[Row]:
    """Of each panel what it says in one of the data sets."""
    for board in map(load, files()):
        name = board.uid.removeprefix("stratoscope-")
        for panel in board.panels:
            keys = [Key(name, panel.title, target.ref) for target in panel.targets]
            if keys:
                yield board.title, panel.title, next(_says(keys, sets), panel.says or IN_DEMO)


def _says(keys: Sequence[Key], sets: Sequence[Told]) -> Iterator[str]:
    """Of the first data set in which most of its targets say something: a threshold alone says little."""
    of_sets = [[one.said[key] for key in keys if key in one.said and one.said[key].series] for one in sets]
    most = max(of_sets, key=lambda found: sum(one.text != NONE for one in found), default=[])
    if most:
        yield _words(most)


def _words(found: Sequence[Said]) -> str:
    count = sum(one.series for one in found)
    name, colon, value = next((one.text for one in found if one.text), "").replace("|", "/").rpartition(": ")
    name = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
    text = f"{name}{colon}{value}"
    return f"{count} series: {text}" if count > 1 else text


def kept() -> Iterator[Row]:
    """As the page has it, of the panels that there are: new ones are not tried, a word is the panel's own."""
    written = _written()
    for board in map(load, files()):
        for panel in board.panels:
            says = written.get((board.title, panel.title), UNTRIED)
            if says in SILENT and says not in (IN_DEMO, *words(panel)):
                says = panel.says or UNTRIED
            if panel.targets:
                yield board.title, panel.title, says


def words(panel: Panel) -> set[str]:
    """What it says that has nothing to show: `none` is found by a query."""
    found = any(finds_none(one.legend, one.expr) for one in panel.targets)
    return {panel.says} | ({NONE} if found else set())


def table(found: Iterator[Row]) -> str:
    """As it stands in the page, between its marks."""
    lines = []
    for board, those in groupby(found, lambda row: row[0]):
        lines += [f"\n### {board}\n", "| panel | says |", "|---|---|"]
        lines += [f"| {panel} | {says} |" for _, panel, says in those]
    return "\n".join(lines).lstrip("\n") + "\n"


def page(found: Iterator[Row]) -> str:
    """The page with this table."""
    before, _, rest = PAGE.read_text().partition(_BEGINS)
    return f"{before}{_BEGINS}\n{table(found)}\n{_ENDS}{rest.partition(_ENDS)[2]}"


def silent() -> set[tuple[str, str]]:
    """The panels that say nothing, by the page."""
    return {panel for panel, says in _written().items() if says in SILENT}


def empty() -> set[tuple[str, str, str]]:
    """The panels that may be empty and are, by the page, with their word."""
    return {(*panel, says) for panel, says in _written().items() if says in SILENT and says != IN_DEMO}


def untried() -> set[tuple[str, str]]:
    """The panels that no round of faults has seen, by the page."""
    return {panel for panel, says in _written().items() if says == UNTRIED}


def _written() -> Mapping[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    board = ""
    for line in PAGE.read_text().partition(_BEGINS)[2].partition(_ENDS)[0].splitlines():
        if line.startswith("### "):
            board = line.removeprefix("### ")
        elif line.startswith("| ") and not line.startswith("| panel |"):
            panel, says = line.strip("| ").split(" | ", 1)
            found[board, panel] = says
    return found
