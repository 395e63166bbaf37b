"""What all dashboards say of one Prometheus: each target, variable and annotation, as a reader sees it."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from support.board_parts import NONE, NOTHING
from support.grafana_boards import Board, Target, files, load, start
from support.grafana_queries import Answer, Grafana, Series, labels_of_legend, legend
from support.grafana_values import Choices, Filled, Window

_CHOSEN: Final[Mapping[str, Mapping[str, int]]] = {
    "stratoscope-vm": {"project": 20, "vm": 3},
    "stratoscope-project": {"project": 4},
}
"""Of dashboards about one thing: the variables that choose it, and of how many values they are asked."""
_STEP_S: Final = 120
"""The longest step of panels that show an hour, or a day."""
_HOUR_S: Final = 3_600


class Key(NamedTuple):
    """What is asked: `panel`, and `ref` of its target; or `variable cloud`, or `annotation Downtimes`."""

    board: str
    panel: str
    ref: str = ""


@dataclass
class Said:
    """The answers to one query, for all that was chosen.

    Attributes:
        may_be_empty: Whether the panel says so then.
        series: Most of one answer.
        text: The series that says most, as its legend and its last value.
        lost: Labels of the legend that no series has.
        table: Whether its series are rows, which those of the panel's other queries are merged into.
    """

    may_be_empty: bool
    series: int = 0
    text: str = ""
    lost: frozenset[str] = frozenset()
    table: bool = False


@dataclass
class Told:
    """Of one Prometheus, by what is asked."""

    said: dict[Key, Said] = field(default_factory=dict)

    def add(self, key: Key, said: Said) -> None:
        before = self.said.get(key)
        if before is None or said.series > before.series:
            self.said[key] = said

    def add_all(self, other: "Told") -> None:
        """What another time was said."""
        for key, said in other.said.items():
            self.add(key, said)

    def seen(self) -> set[Key]:
        """What has an answer."""
        return {key for key, one in self.said.items() if one.series}

    def panels(self) -> dict[tuple[str, str], int]:
        """How many series each panel shows, or rows if it is a table."""
        found: dict[tuple[str, str], int] = {}
        for key, one in self.said.items():
            if key.ref:
                before = found.get(key[:2], 0)
                found[key[:2]] = max(before, one.series) if one.table else before + one.series
        return found


class _Now(Grafana):
    """Each dashboard shows the last hour, as in the first minutes of a Prometheus a reader would choose.

    A range ends with the step that goes on, as it has values of whole steps alone.
    """

    def __init__(self, url: str, scrape_interval_s: float) -> None:
        super().__init__(url, None, scrape_interval_s)

    def run(self, target: Target, filling: Filled) -> Answer:
        if not target.now:
            end = math.ceil(filling.window.end / _STEP_S) * _STEP_S
            filling = replace(filling, window=Window(filling.window.start, end))
        return super().run(target, filling)

    def window(self, board: Board) -> Window:
        now = time.time()
        return Window(start(board.since, now) if "/" in board.since else now - _HOUR_S, now)


def told(url: str, scrape_interval_s: float, boards: Iterable[Board] | None = None) -> Told:
    """What Prometheus says to all dashboards. Raises AnswerError.

    Args:
        url: Of Prometheus.
        scrape_interval_s: Of its targets.
        boards: Others than all.
    """
    found, grafana = Told(), _Now(url, scrape_interval_s)
    for board in map(load, files()) if boards is None else boards:
        for choices in _choices(grafana, board):
            for key, said in _said(grafana, board, choices):
                found.add(key, said)
    return found


def _choices(
    grafana: Grafana, board: Board, chosen: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Choices]:
    """The first as the dashboard opens, then those of other values."""
    opened = grafana.choices(board, chosen)
    left = [name for name in _CHOSEN.get(board.uid, ()) if name not in chosen]
    if not left or not opened[left[0]].options:
        yield opened
        return
    for option in opened[left[0]].options[: _CHOSEN[board.uid][left[0]]]:
        yield from _choices(grafana, board, {**chosen, left[0]: option.value})


def _said(grafana: Grafana, board: Board, choices: Choices) -> Iterator[tuple[Key, Said]]:
    uid = board.uid.removeprefix("stratoscope-")
    for name, choice in choices.items():
        if choice.variable.kind == "query":
            options = [one.text for one in choice.options]
            yield Key(uid, f"variable {name}"), Said(False, len(options), ", ".join(options[:1]))
    for asked in grafana.ask(board, choices):
        series = [one for one in asked.answer.series if _has_value(one)]
        wanted = labels_of_legend(asked.target)
        lost = wanted.difference(*(one.labels for one in series)) if series else set()
        yield (
            Key(uid, asked.panel.title, asked.target.ref),
            Said(
                asked.panel.may_be_empty,
                len(series),
                _text(series, [legend(asked.target, one) for one in series]),
                frozenset(lost),
                asked.target.table,
            ),
        )
    for annotation, answer in grafana.annotations(board, choices):
        yield Key(uid, f"annotation {annotation.name}"), _of_annotation(answer)


def _of_annotation(answer: Answer) -> Said:
    """There are times without downtimes."""
    return Said(True, len(answer.series))


def _has_value(series: Series) -> bool:
    """Of NaN nothing is drawn."""
    return not all(math.isnan(value) for _, value in series.points)


def _text(series: Sequence[Series], legends: Sequence[str]) -> str:
    """That with the largest last value."""
    values = [(one.points[-1][1], name) for one, name in zip(series, legends, strict=True) if one.points]
    known = [one for one in values if not math.isnan(one[0])]
    if not known:
        return ""
    value, name = max(known)
    if value == NOTHING or name == NONE:
        return NONE
    return f"{name}: {value:.4g}" if name else f"{value:.4g}"
