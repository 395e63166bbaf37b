"""Answers to a dashboard's queries without a Prometheus: series with the labels that it shows.

They prove that a panel can be drawn and what it looks like, not that its query finds anything.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from support.grafana_boards import Board, Panel, Target
from support.grafana_queries import Answer, Asked, Series, labels_of_legend
from support.grafana_values import Choice, Choices, Option, Window, filled

WINDOW: Final = Window(1_760_000_000 - 21_600, 1_760_000_000)
_ENDINGS: Final = ("a", "b", "c-with-a-longer-name", "d")
_SOURCE: Final = (Option("Prometheus", "prometheus"),)
_SIZES: Final = {"percentunit": 1.2, "bytes": 8e9, "s": 90, "Bps": 3e6, "binBps": 3e6, "dtdurations": 1e5}


def invented_choices(board: Board) -> Choices:
    """Each variable with invented options, as the dashboard opens."""
    found = {}
    for one in board.variables:
        names = [f"{one.name}-{ending}" for ending in _ENDINGS]
        options = _SOURCE if one.kind == "datasource" else tuple(Option(name, name) for name in names)
        found[one.name] = Choice(one, options, one.current or (options[0].value,))
    return found


def invented(board: Board, raw: Mapping[str, Any], *, empty: bool = False) -> Iterator[Asked]:
    """An answer to each target.

    Args:
        board: Whose targets.
        raw: Its JSON.
        empty: Whether panels that may be empty are.
    """
    panels = {one["id"]: one for one in _flat(raw["panels"])}
    choices = invented_choices(board)
    for panel in board.panels:
        step_s = filled(panel, WINDOW, choices).step_s
        for place, target in enumerate(panel.targets):
            nothing = empty and panel.may_be_empty
            series = () if nothing else tuple(_series(panel, target, panels[panel.number], place, step_s))
            yield Asked(panel, target, Answer(target.expr, 0 if target.now else step_s, series, 0))


def _flat(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from panel.get("panels") or ()


def _series(
    panel: Panel, target: Target, raw: Mapping[str, Any], place: int, step_s: float
) -> Iterator[Series]:
    labels = sorted(labels_of_legend(target) | _columns(raw))
    values = _values(raw)
    for number, ending in enumerate(_ENDINGS if labels else _ENDINGS[:1]):
        named = {label: f"{label}-{ending}" for label in labels}
        if target.now:
            yield Series(named, ((WINDOW.end, values[(number + place) % len(values)]),))
        else:
            yield Series(named, tuple(_points(panel, values, number + place, step_s)))


def _points(
    panel: Panel, values: tuple[float, ...], number: int, step_s: float
) -> Iterator[tuple[float, float]]:
    count = round(WINDOW.length_s / step_s)
    for one in range(count):
        at = WINDOW.start + (one + 1) * step_s
        if panel.kind == "state-timeline":
            yield at, values[(one * 6 // count + number) % len(values)]
        else:
            wave = 1 + 0.4 * math.sin(one / count * 9 + number)
            yield at, values[number % len(values)] * wave


def _columns(raw: Mapping[str, Any]) -> set[str]:
    """The labels that a table names."""
    options = [one["options"] for one in raw.get("transformations") or () if one["id"] == "organize"]
    keys = ("includeByName", "renameByName")
    names = {name for one in options for key in keys for name in one.get(key, {})}
    return {name for name in names if not name.startswith(("Value", "Time"))}


def _values(raw: Mapping[str, Any]) -> tuple[float, ...]:
    """Such that each word and each colour of the panel is seen; else some of the unit's size."""
    defaults = raw["fieldConfig"]["defaults"]
    if words := [float(value) for one in defaults.get("mappings") or () for value in _of_mapping(one)]:
        return tuple(words)
    steps = defaults.get("thresholds", {}).get("steps", [])
    if limits := [one["value"] for one in steps if one["value"] is not None]:
        return tuple(sorted({limits[0] - abs(limits[0]) / 2 - 0.1, *(limit * 1.05 for limit in limits)}))
    size = _SIZES.get(defaults.get("unit", ""), 20)
    return tuple(size * part for part in (0.2, 0.4, 0.7, 1))


def _of_mapping(mapping: Mapping[str, Any]) -> list[str]:
    return list(mapping["options"]) if mapping["type"] == "value" else []
