"""What the checks of dashboards look at: a dashboard's JSON, its panels, its queries as syntax trees."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import promql_parser

from support.debian import ROOT
from support.rule_checks import Known, Labels, checked, nodes
from support.rules_known import KNOWN, RULES

Json = Mapping[str, Any]

_PANELS: Final = (ROOT / "grafana/boards/panels.py").read_text(encoding="utf-8")
NONE: Final[str] = re.findall('^NONE: Final = "(.*)"$', _PANELS, re.MULTILINE)[0]
"""What a panel says that finds that there is nothing: by a value or a name of its own."""
NOTHING: Final = int(re.findall(r"^_NOTHING: Final = (\S+)$", _PANELS, re.MULTILINE)[0])
"""The value by which it does."""
RATE_S: Final = 97
"""Stands for `$__rate_interval`: no other window has this length."""
_BUILT_IN: Final = {
    "__rate_interval": f"{RATE_S}s",
    "__interval_ms": "83000",
    "__interval": "83s",
    "__range_ms": "25200000",
    "__range_s": "25200",
    "__range": "25200s",
    "__from": "1",
    "__to": "2",
}
_USED: Final = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_STRINGS: Final = re.compile(r'("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`)')
_LABEL_VALUES: Final = re.compile(r"\w+\((?:(.+?),\s*)?(\w+)\)", re.DOTALL)
_QUERY_RESULT: Final = re.compile(r"query_result\((.+)\)", re.DOTALL)
_IN_BRACES: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_OF_OTHERS: Final[Mapping[str, Labels]] = {
    name: frozenset({"job", "instance", *labels})
    for name, labels in {
        "process_cpu_seconds_total": ("cloud",),
        "process_resident_memory_bytes": ("cloud",),
        "scrape_samples_scraped": ("cloud",),
        "prometheus_rule_group_last_duration_seconds": ("rule_group",),
        "prometheus_rule_group_interval_seconds": ("rule_group",),
        "prometheus_rule_group_iterations_missed_total": ("rule_group",),
        "prometheus_rule_evaluation_failures_total": ("rule_group",),
    }.items()
}
"""Metrics of Python's processes and of a scrape, with the target's cloud, and of Prometheus itself."""


@dataclass(frozen=True)
class Site:
    """A dashboard that is checked, and all by their uid."""

    board: Json
    others: Mapping[str, Json]


@dataclass(frozen=True)
class Query:
    """PromQL, and where it stands.

    Attributes:
        shown: The labels that its legend, its columns or its texts show.
        panel: Of which panel; empty of variables and annotations.
    """

    where: str
    expr: str
    shown: frozenset[str]
    panel: Json


def panels(board: Json, *, closed: bool = True) -> Iterator[Json]:
    """All panels, rows too. Args: closed: Those in closed rows as well."""
    for panel in board.get("panels") or ():
        yield panel
        if closed:
            yield from panels(panel)


def drawn(board: Json) -> Iterator[Json]:
    """Panels that are no rows."""
    return (panel for panel in panels(board) if panel.get("type") != "row")


def variables(board: Json) -> Sequence[Json]:
    found: Sequence[Json] = board.get("templating", {}).get("list", ())
    return found


def annotations(board: Json) -> Sequence[Json]:
    found: Sequence[Json] = board.get("annotations", {}).get("list", ())
    return found


def addresses(part: Any) -> Iterator[str]:
    """Where the links below a part of a board lead: those of panels, columns, values and the board itself."""
    if isinstance(part, Mapping):
        if part.get("url"):
            yield part["url"]
        part = [*part.values()]
    if isinstance(part, list):
        for one in part:
            yield from addresses(one)


def name_of(panel: Json) -> str:
    return f"panel {panel.get('title') or panel.get('id')!r}"


def columns(table: Json) -> Mapping[str, Json]:
    """The columns of a table, hidden ones too, by their label or value: the properties of how each looks."""
    organized: list[Json] = [
        one["options"] for one in table.get("transformations") or () if one["id"] == "organize"
    ]
    options = organized[0] if organized else {}
    looks = {
        one["matcher"].get("options"): {each["id"]: each["value"] for each in one["properties"]}
        for one in table.get("fieldConfig", {}).get("overrides", ())
        if one["matcher"]["id"] == "byName"
    }
    headings = options.get("renameByName", {})
    included = options.get("includeByName", {})
    return {name: looks.get(headings.get(name, name), {}) for name, wanted in included.items() if wanted}


def words(mappings: Sequence[Json]) -> Mapping[str, Json]:
    """What stands instead of values, by the value."""
    return {
        value: word for one in mappings if one["type"] == "value" for value, word in one["options"].items()
    }


def queries(board: Json) -> Iterator[Query]:
    """Of all panels, variables and annotations."""
    for panel in drawn(board):
        for target in panel.get("targets") or ():
            where = f"{name_of(panel)}, target {target.get('refId')}"
            shown = frozenset(_IN_BRACES.findall(target.get("legendFormat") or ""))
            yield Query(where, target.get("expr") or "", shown, panel)
    for variable in variables(board):
        if variable.get("type") == "query":
            yield from _of_variable(variable)
    for annotation in annotations(board):
        texts = [annotation.get(key) or "" for key in ("titleFormat", "textFormat")]
        shown = frozenset(_IN_BRACES.findall(" ".join(texts)))
        yield Query(f"annotation {annotation.get('name')}", annotation.get("expr") or "", shown, {})


def _of_variable(variable: Json) -> Iterator[Query]:
    query = variable.get("query") or ""
    text = query["query"] if isinstance(query, Mapping) else query
    where = f"variable {variable['name']}"
    if found := _QUERY_RESULT.fullmatch(text):
        shown = frozenset(re.findall(r'(\w+)="\(', variable.get("regex") or ""))
        yield Query(where, found[1], shown, {})
    elif found := _LABEL_VALUES.fullmatch(text):
        yield Query(where, found[1] or "", frozenset({found[2]}), {})
    else:
        yield Query(where, text, frozenset(), {})


def used_variables(text: str) -> set[str]:
    """The names of variables in a text; numbers are groups of a regular expression."""
    return {name for found in _USED.findall(text) for name in found if name and not name.isdigit()}


@cache
def tree(expr: str) -> Any:
    """The syntax tree; variables stay in its strings, and elsewhere are numbers or durations.

    Raises:
        ValueError: It is no PromQL.
    """
    return promql_parser.parse(_parsable(expr))


def without_variables(expr: str) -> str:
    """The expression with nothing where a string has a variable."""
    parts = _STRINGS.split(_parsable(expr))
    return "".join(_USED.sub("", part) if place % 2 else part for place, part in enumerate(parts))


def _parsable(expr: str) -> str:
    parts = _STRINGS.split(expr)
    return "".join(part if place % 2 else _USED.sub(_put, part) for place, part in enumerate(parts))


def _put(found: re.Match[str]) -> str:
    return _BUILT_IN.get(found[1] or found[2], "1")


def selectors(node: Any) -> Iterator[Any]:
    """Those below a node."""
    return (one for one in nodes(node) if isinstance(one, promql_parser.VectorSelector))


@cache
def found_in(expr: str) -> tuple[Labels, tuple[str, ...]]:
    """The labels of an expression's result, and what it names that there is not."""
    labels, look = checked(_parsable(expr), known())
    return labels, tuple(look.problems)


@cache
def known() -> Known:
    """What dashboards may name: what rules may, and what those who scrape and Prometheus itself show."""
    of_alerts = frozenset({"alertname", "alertstate"}).union(
        *(checked(rule.expr, KNOWN)[0].union(rule.labels) for rule in RULES.values() if rule.alert)
    )
    of_states = of_alerts - {"alertstate"}
    return Known(KNOWN.records, {**_OF_OTHERS, "ALERTS": of_alerts, "ALERTS_FOR_STATE": of_states})


def finds_none(legend: str, expr: str) -> bool:
    """Whether a query finds a row, a cell or a line of this name."""
    return legend == NONE or f'"{NONE}"' in expr
