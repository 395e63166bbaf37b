"""A dashboard as it stands in grafana/dashboards: its panels, targets, variables and annotations."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stratoscope.core import durations
from support.debian import ROOT

FOLDER: Final = ROOT / "grafana" / "dashboards"
BOARD_WIDTH_PX: Final = 1_872
"""Of 24 columns in a window of 1,920 pixels. Grafana asks for as many points as a panel is wide."""
_ON_TIME_RANGE: Final = 2
_AS_FOUND: Final = 0
_MONTH: Final = re.compile(r"(\d+)M")


@dataclass(frozen=True)
class Target:
    """A query of a panel, with its variables.

    Attributes:
        ref: `A`, `B`; unique in its panel.
        legend: With labels in {{}}; empty where the series' own labels are shown.
        now: An instant query; else a range query.
        table: Whether its answer is wanted as a table.
        least_step_s: Its own, also taken for how often targets are scraped; 0 where it sets none.
    """

    ref: str
    expr: str
    legend: str = ""
    now: bool = False
    table: bool = False
    least_step_s: float = 0


@dataclass(frozen=True)
class Panel:
    """A panel that is no row.

    Attributes:
        number: Its id in the dashboard.
        kind: Its type, such as `timeseries`.
        says: What it says where there is no data, as it may be empty; else nothing.
        points: How many points it asks for at most.
        least_step_s: Of its range queries; 0 where the panel sets none.
        last_s: Its own time window, up to now; 0 where it shows the dashboard's.
    """

    number: int
    title: str
    kind: str
    targets: tuple[Target, ...]
    says: str = ""
    points: int = BOARD_WIDTH_PX
    least_step_s: float = 0
    last_s: float = 0

    @property
    def may_be_empty(self) -> bool:
        return bool(self.says)


@dataclass(frozen=True)
class Variable:
    """A variable, unresolved.

    Attributes:
        kind: `datasource`, `query`, `constant`, `custom`, `textbox` or `interval`.
        query: What it asks the data source, or its options.
        regex: As JavaScript writes it, between slashes or not.
        all_value: What replaces the variable where all is chosen; empty: all options.
        current: The values with which the dashboard opens; empty: the first option.
        follows_time: Whether its options are asked for at each refresh, not only at the opening.
        by_name: Whether its options are in alphabetical order, not as they are found.
    """

    name: str
    kind: str
    query: str
    regex: str = ""
    multi: bool = False
    include_all: bool = False
    all_value: str = ""
    current: tuple[str, ...] = ()
    follows_time: bool = False
    by_name: bool = True


@dataclass(frozen=True)
class Annotation:
    name: str
    expr: str
    title: str = ""
    text: str = ""


@dataclass(frozen=True)
class Board:
    """A dashboard; its panels from left to right, line by line, those in closed rows as well."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    since: str
    """From when on it shows when it opens, such as `now-6h`, or `now/M` for this month; up to now."""


def files() -> list[Path]:
    """All dashboards."""
    return sorted(FOLDER.glob("*.json"))


def load(file: Path) -> Board:
    """Raises ValueError for what our dashboards do not use, such as panels that repeat."""
    return parsed(json.loads(file.read_text()))


def parsed(board: Mapping[str, Any]) -> Board:
    """The same, of the dashboard itself."""
    if board["time"]["to"] != "now":
        raise ValueError("a dashboard ends now")
    return Board(
        uid=board["uid"],
        title=board["title"],
        panels=tuple(_panel(one) for one in _all_panels(board["panels"]) if one["type"] != "row"),
        variables=tuple(_variable(one) for one in board["templating"]["list"]),
        annotations=tuple(_annotation(one) for one in board["annotations"]["list"]),
        since=board["time"]["from"],
    )


def start(since: str, now: float) -> float:
    """Unix seconds of `now-6h`, or of the beginning of the day, `now/d`, or of the month, `now/M`, in UTC."""
    before, _, unit = since.removeprefix("now").partition("/")
    at = now - (seconds(before.removeprefix("-")) if before else 0)
    if not unit:
        return at
    day = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"d": day, "M": day.replace(day=1)}[unit].timestamp()


def seconds(duration: str) -> float:
    """Of `6h`, `1d12h`, or Grafana's `1M`. Raises ValueError."""
    months = _MONTH.fullmatch(duration)
    return durations.seconds(f"{30 * int(months[1])}d" if months else duration)


def _all_panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        if panel.get("repeat"):
            raise ValueError(f"panel {panel.get('title')!r} repeats")
        yield panel
        yield from _all_panels(panel.get("panels") or [])


def _panel(panel: Mapping[str, Any]) -> Panel:
    return Panel(
        number=panel["id"],
        title=panel.get("title", ""),
        kind=panel["type"],
        targets=tuple(_target(one) for one in panel.get("targets") or () if not one.get("hide")),
        says=panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", ""),
        points=panel.get("maxDataPoints") or round(BOARD_WIDTH_PX * panel["gridPos"]["w"] / 24),
        least_step_s=seconds(panel["interval"]) if panel.get("interval") else 0,
        last_s=seconds(panel["timeFrom"]) if panel.get("timeFrom") else 0,
    )


def _target(target: Mapping[str, Any]) -> Target:
    legend = target.get("legendFormat", "")
    return Target(
        ref=target["refId"],
        expr=target["expr"],
        legend="" if legend == "__auto" else legend,
        now=bool(target.get("instant")),
        table=target.get("format") == "table",
        least_step_s=seconds(target["interval"]) if target.get("interval") else 0,
    )


def _variable(variable: Mapping[str, Any]) -> Variable:
    query = variable.get("query", "")
    current = variable.get("current", {}).get("value") or ()
    return Variable(
        name=variable["name"],
        kind=variable["type"],
        query=query["query"] if isinstance(query, dict) else query,
        regex=variable.get("regex", ""),
        multi=bool(variable.get("multi")),
        include_all=bool(variable.get("includeAll")),
        all_value=variable.get("allValue") or "",
        current=(current,) if isinstance(current, str) else tuple(current),
        follows_time=variable.get("refresh") == _ON_TIME_RANGE,
        by_name=variable.get("sort") != _AS_FOUND,
    )


def _annotation(annotation: Mapping[str, Any]) -> Annotation:
    return Annotation(
        name=annotation["name"],
        expr=annotation["expr"],
        title=annotation.get("titleFormat", ""),
        text=annotation.get("textFormat", ""),
    )
