"""What is wrong with the looks of a dashboard: titles, units, places, colours, links, data sources.

Among them are the rules of Grafana's dashboard-linter that hold for every data source. `uneditable-dashboard`
is not: the provisioning file says whether a dashboard can be changed.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Final

from support import board_parts as parts
from support.board_parts import Json, Site, drawn, name_of
from support.board_units import UNITS, fitting
from support.debian import ROOT

MOST_QUERIES: Final = 40
"""That a dashboard asks when it is opened."""
_DATA: Final = {"type": "prometheus", "uid": "${datasource}"}
_KINDS: Final = {"bargauge", "row", "stat", "state-timeline", "table", "text", "timeseries"}
"""Types of panels that Grafana has itself, and that are drawn by `make dashboards-check`."""
_LEAST_WORDS: Final = 4
"""Of a description, without what says when the panel is empty."""
_GOOD: Final = re.compile(
    r"(?:none|no|nothing|nobody|all|each|few|many|more|most|mostly|not|those|one|as|in|below|above|within|near"
    r"|far|low|high|flat|steady|similar|met|works|stored|read|used|they)\b|[\d`]",
    re.IGNORECASE,
)
"""How a sentence begins that says what good looks like, not what is shown: `the`, `number of`."""
_ALSO_GOOD: Final = re.compile(r"\b(?:announced|explain|expect|should|at most|beyond|switched off)\b")
"""Or what stands in its first sentence."""
_ON_LOAD: Final = 1
_ON_TIME_RANGE: Final = 2
_COLOURS: Final = frozenset(re.findall('"(#[0-9A-F]{6})"', (ROOT / "grafana/boards/colours.py").read_text()))
_UNKNOWN: Final = "#999999"
_COLOUR_KEYS: Final = ("color", "fixedColor", "iconColor")
_SAYS: Final = re.compile(r"Says '([^']*)':")
_WORDS: Final = ("not measured", "none, or not measured", "no rules, or no exporter")
"""Of panels that may be empty. None says that there is nothing: that must be found by a query."""
_TO_BOARD: Final = re.compile(r"/d/([\w-]+)(?:/[\w-]*)?(?:\?(.*))?")
_VAR: Final = re.compile(r"\bvar-(\w+)=")
_QUERY_PARAM: Final = re.compile(r"\$\{(\w+):queryparam\}")
_OF_ROW: Final = re.compile(r"\$\{__data\.fields(?:\.(\w+)|\[\"?([^\"\]]+)\"?\])(?::\w+)?\}")
_USE: Final = re.compile(r"\$(?:\{[^}]*\}|\w+)")
_ENCODED: Final = re.compile(
    r"\$\{(?:\w+:queryparam|__(?:data\.fields|value)\.\w+:percentencode|__url_time_range)\}"
)
"""What is put into an address so that a name such as `R&D` stays one: Grafana itself leaves `&` and `#`."""
_PREFIX: Final = re.compile(r"\$\{\w+\}(?=\$)")
"""Where an address begins: a whole address itself."""
_OF_LABELS: Final = {"state": ("not measured",), "reason": ("-", "none")}
"""What cells without a label say, if not `-`: who tells the state, or no error, tells the label, too."""
_OF_VALUES: Final = ("not measured", "no limit", "-")
"""What cells without a value say: none of them that there is nothing."""
_LABEL_OF_NONE: Final = re.compile(r'"(\w+)", "none", ""')
_VALUE: Final = re.compile(r"Value(?: #(\w+))?")

Rule = Callable[[Site], Iterator[str]]


def data_source(site: Site) -> Iterator[str]:
    """Panels, targets, variables and annotations ask the data source that the reader chose."""
    first = parts.variables(site.board)[:1]
    if [(one.get("name"), one.get("type"), one.get("query")) for one in first] != [
        ("datasource", "datasource", "prometheus")
    ]:
        yield "the first variable is not the data source"
    for where, thing in _asking(site.board):
        if thing.get("datasource") != _DATA:
            yield f"{where}: another data source"


def _asking(board: Json) -> Iterator[tuple[str, Json]]:
    for panel in drawn(board):
        if panel.get("type") != "text":
            yield name_of(panel), panel
        yield from ((f"{name_of(panel)}, {one.get('refId')}", one) for one in panel.get("targets") or ())
    yield from ((one["name"], one) for one in parts.variables(board) if one.get("type") == "query")
    yield from ((one["name"], one) for one in parts.annotations(board))


def portable(site: Site) -> Iterator[str]:
    """The same file is provisioned and imported by hand."""
    yield from (f"has {key}" for key in ("__inputs", "__requires", "__elements", "id") if key in site.board)


def words(site: Site) -> Iterator[str]:
    """Each panel has a title, and a description that says what good looks like."""
    for panel in drawn(site.board):
        if not panel.get("title"):
            yield f"{name_of(panel)}: no title"
        if panel.get("type") != "text" and not _says_what_is_good(panel.get("description") or ""):
            yield f"{name_of(panel)}: does not say what good looks like"


def _says_what_is_good(description: str) -> bool:
    """For instance `Below 80 %: ...`, or `None. ...`."""
    good = description.partition(" Says '")[0]
    first = good.split(". ")[0]
    return len(good.split()) >= _LEAST_WORDS and bool(_GOOD.match(first) or _ALSO_GOOD.search(first))


def none(site: Site) -> Iterator[str]:
    """An empty panel never says `none`, a query may find it; of either the description says when."""
    for panel in drawn(site.board):
        says = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue")
        targets = panel.get("targets") or ()
        found = any(parts.finds_none(one.get("legendFormat") or "", one.get("expr") or "") for one in targets)
        told = ["none"] if found else []
        told += [one for one in _WORDS if one == says]
        if _SAYS.findall(panel.get("description") or "") != told or says not in (None, *_WORDS):
            yield f"{name_of(panel)}: noValue and description differ"


def units(site: Site) -> Iterator[str]:
    """Values have a unit that fits their metrics, in tables each column of values."""
    for panel in drawn(site.board):
        fits = {one["refId"]: _units_of(one.get("expr") or "") for one in panel.get("targets") or ()}
        shown = _of_columns(panel) if panel.get("type") == "table" else _of_panel(panel, fits)
        for what, ref, unit in shown:
            if not unit:
                yield f"{name_of(panel)}: no unit{what}"
            elif unit not in fits.get(ref, UNITS):
                yield f"{name_of(panel)}: {unit} is no unit{what or f' of {ref}'}"


def _units_of(expr: str) -> frozenset[str]:
    try:
        return fitting(parts.tree(expr))
    except ValueError:
        return UNITS


def _of_panel(panel: Json, refs: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """What has a unit, its target, and the unit."""
    if panel.get("type") != "text":
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit") or ""
        yield from (("", ref, unit) for ref in refs)


def _of_columns(panel: Json) -> Iterator[tuple[str, str, str]]:
    """The same of each column of values; words that replace a value need no unit."""
    for column, look in parts.columns(panel).items():
        if (value := _VALUE.fullmatch(column)) and not parts.words(look.get("mappings", ())):
            yield f" of {column}", value[1] or "A", look.get("unit") or ""


def empty_cells(site: Site) -> Iterator[str]:
    """A cell without a label says `-`, one without a value `not measured`; one with a link is empty.

    None has the colour of a value. A row that says that there is nothing says it where no link is.
    """
    for panel in drawn(site.board):
        if panel.get("type") == "table":
            of_none = {name for one in panel["targets"] for name in _LABEL_OF_NONE.findall(one["expr"])}
            for column, look in parts.columns(panel).items():
                if look.get("noValue") not in _said_if_empty(column, look):
                    yield f"{name_of(panel)}: an empty cell of {column} says {look.get('noValue')}"
                if "custom.cellOptions" in look and not _is_grey(look):
                    yield f"{name_of(panel)}: an empty cell of {column} has the colour of a value"
                if column in of_none and "links" in look:
                    yield f"{name_of(panel)}: the row `none` has a link, of {column}"


def _is_grey(look: Json) -> bool:
    """Else it has the first colour of its thresholds, be that good or bad."""
    grey = {"match": "null+nan", "result": {"color": _UNKNOWN, "text": look.get("noValue")}}
    return grey in [one["options"] for one in look.get("mappings", ()) if one["type"] == "special"]


def _said_if_empty(column: str, look: Json) -> tuple[str, ...]:
    if _VALUE.fullmatch(column):
        return _OF_VALUES
    return ("",) if {"links", "custom.hideFrom"} & look.keys() else _OF_LABELS.get(column, ("-",))


def columns(site: Site) -> Iterator[str]:
    """Each column of a table is a label of a result, or the value of a query."""
    for panel in drawn(site.board):
        if panel.get("type") == "table":
            targets = {one["refId"]: one for one in panel.get("targets") or ()}
            labels = {"Time"}.union(*(_labels(one["expr"]) for one in targets.values()))
            for column in parts.columns(panel):
                value = _VALUE.fullmatch(column)
                if not (value and (value[1] in targets or not value[1])) and column not in labels:
                    yield f"{name_of(panel)}: no column {column}"


def _labels(expr: str) -> frozenset[str]:
    try:
        return parts.found_in(expr)[0]
    except ValueError:
        return frozenset()


def numbers(site: Site) -> Iterator[str]:
    """Dashboards, panels and targets have numbers and names of their own."""
    uids = [board.get("uid") for board in site.others.values()]
    if uids.count(site.board.get("uid")) != 1 or not site.board.get("uid"):
        yield f"uid {site.board.get('uid')!r}"
    ids = Counter(panel.get("id") for panel in parts.panels(site.board))
    yield from (f"id {one} is of {count} panels" for one, count in ids.items() if count > 1 or one is None)
    for panel in drawn(site.board):
        refs = Counter(target.get("refId") for target in panel.get("targets") or ())
        yield from (f"{name_of(panel)}: target {one} twice" for one, count in refs.items() if count > 1)


def places(site: Site) -> Iterator[str]:
    """No panel lies on another, or beyond the edge."""
    for panel in parts.panels(site.board):
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24 or min(place["w"], place["h"]) < 1:
            yield f"{name_of(panel)}: beyond the edge"
    for one, other in combinations(parts.panels(site.board, closed=False), 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{name_of(one)} lies on {name_of(other)}"


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def targets(site: Site) -> Iterator[str]:
    """Each panel asks something, but those of text."""
    for panel in drawn(site.board):
        if bool(panel.get("targets")) == (panel.get("type") == "text"):
            yield f"{name_of(panel)}: {'targets' if panel.get('targets') else 'no targets'}"


def few_queries(site: Site) -> Iterator[str]:
    """At most 40 at opening: of panels that are seen, of variables, of annotations."""
    count = queries_at_opening(site.board)
    if count > MOST_QUERIES:
        yield f"{count} queries at opening"


def queries_at_opening(board: Json) -> int:
    seen = sum(len(panel.get("targets") or ()) for panel in parts.panels(board, closed=False))
    asked = [one for one in parts.variables(board) if one.get("type") == "query"]
    return seen + len(asked) + len(parts.annotations(board))


def kinds(site: Site) -> Iterator[str]:
    """No plug-in is needed."""
    for panel in parts.panels(site.board):
        if panel.get("type") not in _KINDS:
            yield f"{name_of(panel)}: of the type {panel.get('type')}"


def downtimes(site: Site) -> Iterator[str]:
    """Downtimes are seen on panels of time."""
    asked = [one["expr"] for one in parts.annotations(site.board) if one["name"] == "Downtimes"]
    if not any(re.search("StratoscopeDowntimeActive|stratoscope_downtime_active", one) for one in asked):
        yield "no downtimes"


def only_our_colours(site: Site) -> Iterator[str]:
    """Colours are those that a colour-blind reader tells apart."""
    yield from (f"colour {one}" for one in sorted(set(_colours(site.board)) - _COLOURS))


def _colours(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from (node[key] for key in _COLOUR_KEYS if isinstance(node.get(key), str))
    inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for one in inner:
        yield from _colours(one)


def links(site: Site) -> Iterator[str]:
    """Links lead to dashboards, with variables and from columns that there are; what is put in is encoded."""
    for panel, url in _urls(site.board):
        shown = parts.columns(panel).keys()
        put = _USE.findall(_PREFIX.sub("", url, count=1) if _PREFIX.match(url) else url)
        yield from (f"{url}: {use} is not encoded" for use in put if not _ENCODED.fullmatch(use))
        asked = {one or other for one, other in _OF_ROW.findall(url)}
        if panel.get("type") == "table":
            yield from (f"{url}: no column {name}" for name in sorted(asked - shown))
        if found := _TO_BOARD.search(url):
            yield from _wrong_link(site, url, found[1], found[2] or "")


def _wrong_link(site: Site, url: str, uid: str, query: str) -> Iterator[str]:
    if uid not in site.others:
        yield f"{url}: no dashboard {uid}"
        return
    there = {one["name"] for one in parts.variables(site.others[uid])}
    given = {*_VAR.findall(query), *_QUERY_PARAM.findall(query)}
    yield from (f"{url}: {uid} has no variable {name}" for name in sorted(given - there))


def _urls(board: Json) -> Iterator[tuple[Json, str]]:
    yield from (({}, one["url"]) for one in board.get("links") or () if one.get("url"))
    for panel in parts.panels(board):
        yield from ((panel, url) for url in _below(panel))


def _below(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from (node["url"] for _ in "x" if isinstance(node.get("url"), str))
    inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for one in inner:
        yield from _below(one)


def variables(site: Site) -> Iterator[str]:
    """Each variable that is used is there, each that is there is used.

    Those of several values follow the time range. Those of one value do not: Grafana puts the first option in
    the place of a value that is no option, each time it asks for the options.
    """
    there = {one["name"] for one in parts.variables(site.board)}
    texts = list(_texts(site.board))
    used = {name for text in texts for name in parts.used_variables(text) if not name.startswith("__")}
    yield from (f"no variable {name}" for name in sorted(used - there))
    yield from (f"the variable {name} is not used" for name in sorted(there - used))
    for one in parts.variables(site.board):
        if one.get("type") == "query":
            yield from _refreshed(one)


def _refreshed(variable: Json) -> Iterator[str]:
    if variable.get("multi") and variable.get("refresh") != _ON_TIME_RANGE:
        yield f"the variable {variable['name']} does not follow the time range"
    if not variable.get("multi") and variable.get("refresh") != _ON_LOAD:
        yield f"the variable {variable['name']} loses a value that is no option"


def _texts(node: Any, key: str = "") -> Iterator[str]:
    """All texts but regular expressions, in which `$` is an end."""
    if isinstance(node, str) and key != "regex":
        yield node
    elif isinstance(node, Mapping):
        for name, one in node.items():
            yield from _texts(one, name)
    elif isinstance(node, list):
        for one in node:
            yield from _texts(one, key)


RULES: Final[tuple[Rule, ...]] = (
    data_source, portable, words, none, units, columns, empty_cells, numbers, places, targets, few_queries,
    kinds, downtimes, only_our_colours, links, variables,
)  # fmt: skip
