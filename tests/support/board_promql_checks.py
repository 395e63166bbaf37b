"""What is wrong with the queries of a dashboard: their rates, their labels, what they may read.

Among them are the rules of Grafana's dashboard-linter that are about Prometheus. Those on labels `job` and
`instance` are not, as series of clouds are not told apart by them; nor those on LogQL.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import promql_parser

from support import board_parts as parts
from support.board_parts import Json, Query, Site
from support.declared import FAMILIES
from support.neutral import spelled_by_a_kind
from support.rule_checks import is_scalar, nodes

OWNERS: Final = ("stratoscope-vm", "stratoscope-project")
"""Dashboards that a proxy can confine to one project."""
FRONT: Final = "stratoscope-now"
_WITHOUT_CLOUD: Final = {family.name for family in FAMILIES if "cloud" not in family.labels}
"""Of exporters that are no cloud's own; a target may add a cloud."""
_COUNTERS: Final = {family.name for family in FAMILIES if family.kind == "counter"}
_PARTS_OF_HISTOGRAMS: Final = ("_bucket", "_count", "_sum")
_RATES: Final = {"rate", "increase", "irate"}
_COUNTS: Final = {"count", "group"}
_LARGEST: Final = {"topk", "bottomk"}
_MANY: Final = frozenset({"vm_id", "project_id", "host", "flavor", "instance", "network_id"})
"""Labels of which a large cloud has hundreds of values."""
_SHORTEST_S: Final = 300
_SCRAPED: Final = "1m"
"""How often hosts are."""
_WORDS: Final[Mapping[int, tuple[str, ...]]] = {
    300: ("5 min", "five minutes"),
    600: ("10 min", "ten minutes"),
    900: ("15 min",),
    1_800: ("30 min", "half an hour", "half hour"),
    3_600: ("hour",),
    21_600: ("6 h", "six hours"),
    86_400: ("24 h", "day"),
    604_800: ("week", "7 days"),
    2_592_000: ("30 days", "month"),
}
"""By length of a window what tells the reader of it."""
_ITS_CLOUD: Final = "$its_cloud"
_CHOOSE_CLOUDS: Final = {"$cloud", "$cloud|", _ITS_CLOUD}
"""With `|` behind it also what is of none."""
_CHOOSE_ONE: Final = {"project_id": "$project", "vm_id": "$vm"}
"""Labels whose variable chooses one thing of a cloud; that of another cloud can have the same id."""

Rule = Callable[[Site], Iterator[str]]


def _trees(site: Site) -> Iterator[tuple[Query, Any]]:
    """Those that can be parsed."""
    for query in parts.queries(site.board):
        try:
            yield query, parts.tree(query.expr)
        except ValueError:
            continue


def promql(site: Site) -> Iterator[str]:
    """Each query is PromQL, once variables are put in."""
    for query in parts.queries(site.board):
        if query.expr or not query.where.startswith("variable"):
            try:
                parts.tree(query.expr)
            except ValueError as error:
                yield f"{query.where}: {error}"


def rates(site: Site) -> Iterator[str]:
    """A rate is over `$__rate_interval`, or over a fixed window of 5 min or more that the reader is told.

    `$__rate_interval` is of four scrapes: the target says how far apart they are, as the data source may not.
    """
    for query, root in _trees(site):
        words = _words(query.panel)
        for seconds in _windows(root):
            told = any(word in words for word in _WORDS.get(seconds, ()))
            if seconds != parts.RATE_S and not (seconds >= _SHORTEST_S and told):
                yield f"{query.where}: a rate over {seconds} s"
    for panel in parts.drawn(site.board):
        for target in panel.get("targets") or ():
            if "$__rate_interval" in target["expr"] and target.get("interval") != _SCRAPED:
                yield f"{parts.name_of(panel)}, target {target['refId']}: a rate of too few scrapes"


def _words(panel: Json) -> str:
    """What a panel tells its reader."""
    legends = [target.get("legendFormat") for target in panel.get("targets") or ()]
    told = [panel.get("title"), panel.get("description"), legends, panel.get("transformations")]
    return " ".join(map(str, told)).lower()


def _windows(root: Any) -> Iterator[int]:
    for node in nodes(root):
        if isinstance(node, promql_parser.Call) and node.func.name in _RATES:
            yield round(node.args[0].range.total_seconds())


def counters(site: Site) -> Iterator[str]:
    """A counter is read within a rate, or counted, or less what it was before."""
    for query, root in _trees(site):
        yield from (f"{query.where}: {name} without a rate" for name in _bare(root))


def _bare(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.MatrixSelector):
        return
    if isinstance(node, promql_parser.AggregateExpr) and str(node.op) in _COUNTS:
        return
    if isinstance(node, promql_parser.BinaryExpr) and _is_difference(node):
        return
    if isinstance(node, promql_parser.VectorSelector):
        name = node.name or ""
        if name in _COUNTERS or (":" not in name and name.endswith(_PARTS_OF_HISTOGRAMS)):
            yield name
    below = [getattr(node, name, None) for name in ("lhs", "rhs", "expr")]
    for one in (*below, *getattr(node, "args", ())):
        if one is not None:
            yield from _bare(one)


def _is_difference(node: Any) -> bool:
    """Whether it is a metric less the same metric at a moment before."""
    both = (node.lhs, node.rhs)
    if str(node.op) != "-" or not all(isinstance(one, promql_parser.VectorSelector) for one in both):
        return False
    return node.lhs.name == node.rhs.name and not node.lhs.offset and bool(node.rhs.offset)


def names(site: Site) -> Iterator[str]:
    """Each metric is declared or recorded, and has the labels that the query uses."""
    for query, _ in _trees(site):
        yield from (f"{query.where}: {problem}" for problem in parts.found_in(query.expr)[1])


def shown_labels(site: Site) -> Iterator[str]:
    """Legends, columns and texts show labels that the result has."""
    for query, _ in _trees(site):
        lost = query.shown - parts.found_in(query.expr)[0] - {"__name__"}
        yield from (
            f"{query.where}: shows the label {label}, which the result lacks" for label in sorted(lost)
        )


def clouds(site: Site) -> Iterator[str]:
    """Each aggregation keeps the cloud, or what it reads is chosen by the reader."""
    for query, root in _trees(site):
        for node in nodes(root):
            if isinstance(node, promql_parser.AggregateExpr) and not _keeps_cloud(node):
                yield from (f"{query.where}: {name} of all clouds in one" for name in _mixed(node.expr))


def _mixed(node: Any) -> list[str]:
    """The metrics below a node that are of any cloud; what is matched by cloud with others is not."""
    if isinstance(node, promql_parser.BinaryExpr):
        left, right = _mixed(node.lhs), _mixed(node.rhs)
        return [] if _matches_clouds(node) and not (left and right) else left + right
    if isinstance(node, promql_parser.VectorSelector):
        return [] if _is_chosen(node) else [str(node.name)]
    below = [getattr(node, name, None) for name in ("expr", "vector_selector")]
    return [name for one in (*below, *getattr(node, "args", ())) if one is not None for name in _mixed(one)]


def _matches_clouds(node: Any) -> bool:
    given = node.modifier.matching if node.modifier is not None else None
    if str(node.op) == "or" or given is None:
        return str(node.op) != "or"
    return str(given.type).endswith("Include") == ("cloud" in given.labels)


def _keeps_cloud(node: Any) -> bool:
    if str(node.op) in ("topk", "bottomk"):
        return True
    modifier = node.modifier
    if modifier is None:
        return False
    is_without: bool = modifier.type == promql_parser.AggModifierType.Without
    return ("cloud" in modifier.labels) != is_without


def _is_chosen(selector: Any) -> bool:
    matched = {one.name: one.value for one in selector.matchers.matchers}
    known = parts.known().labels(selector.name or "")
    if selector.name in _WITHOUT_CLOUD or (known is not None and "cloud" not in known):
        return True
    return matched.get("cloud") in _CHOOSE_CLOUDS


def one_cloud(site: Site) -> Iterator[str]:
    """A project or VM of several clouds is not taken for one: its cloud is chosen, or kept and shown.

    `group` says that there is one, and no value of it.
    """
    for query, root in _trees(site):
        if query.panel and any(_is_of_clouds(one) for one in parts.selectors(root)):
            if "cloud" not in query.shown | _read(query.panel):
                yield f"{query.where}: does not show of which cloud it is"
            for node in nodes(root):
                is_sum = isinstance(node, promql_parser.AggregateExpr) and str(node.op) != "group"
                if is_sum and not _keeps_cloud(node):
                    yield f"{query.where}: a project or VM of all clouds in one"


def _is_of_clouds(selector: Any) -> bool:
    """Whether it reads one project or VM of several clouds."""
    matched = {one.name: one.value for one in selector.matchers.matchers}
    is_one = any(matched.get(label) == value for label, value in _CHOOSE_ONE.items())
    return is_one and matched.get("cloud") != _ITS_CLOUD


def _read(panel: Json) -> frozenset[str]:
    """The columns of a table that a reader sees: those that are hidden are for links."""
    return frozenset(name for name, look in parts.columns(panel).items() if "custom.hideFrom" not in look)


def neutral(site: Site) -> Iterator[str]:
    """Nothing selects what one kind of cloud alone spells."""
    for query, _ in _trees(site):
        for found in spelled_by_a_kind(parts.without_variables(query.expr)):
            yield f"{query.where}: {found}"


def projects(site: Site) -> Iterator[str]:
    """Dashboards of owners read series of the chosen project alone, all of which say their project."""
    if site.board["uid"] in OWNERS:
        for query, root in _trees(site):
            if not query.where.startswith(("variable cloud", "variable project")):
                yield from (
                    f"{query.where}: {one.name} is not confined to the project"
                    for one in parts.selectors(root)
                    if not _of_project(one)
                )


def _of_project(selector: Any) -> bool:
    """Alerts can lack the label: where nothing is chosen, these would be shown."""
    has = parts.known().labels(selector.name or "") or frozenset()
    matched = {(one.name, str(one.op), one.value) for one in selector.matchers.matchers}
    chosen = {(label, str(promql_parser.MatchOp.NotEqual), "") for label in ("project_id", "vm_id")}
    return (
        "project_id" in has
        and ("project_id", str(promql_parser.MatchOp.Equal), "$project") in matched
        and (selector.name != "ALERTS" or bool(matched & chosen))
    )


def records(site: Site) -> Iterator[str]:
    """The front page reads records and alerts alone."""
    if site.board["uid"] == FRONT:
        for query, root in _trees(site):
            for one in parts.selectors(root):
                if ":" not in (one.name or "") and one.name not in ("ALERTS", "ALERTS_FOR_STATE"):
                    yield f"{query.where}: {one.name} is no record"


def bounded(site: Site) -> Iterator[str]:
    """A panel has few series in a large cloud: the largest of them, sums, or those of one chosen thing."""
    for query, root in _trees(site):
        many = parts.found_in(query.expr)[0] & _MANY
        if query.panel and many and not _is_few(root):
            yield f"{query.where}: a series for each {', '.join(sorted(many))}"


def _is_few(node: Any) -> bool:
    if isinstance(node, promql_parser.AggregateExpr):
        word, has = str(node.op), set(node.modifier.labels) if node.modifier is not None else set()
        by_few = node.modifier is None or node.modifier.type == promql_parser.AggModifierType.By
        return word in _LARGEST or (by_few and not has & _MANY) or _is_few(node.expr)
    if isinstance(node, promql_parser.BinaryExpr):
        return _is_few_of_both(node)
    if isinstance(node, promql_parser.VectorSelector):
        return _is_one(node)
    below = [getattr(node, name, None) for name in ("expr", "vector_selector")]
    return any(_is_few(one) for one in (*below, *getattr(node, "args", ())) if one is not None)


def _is_few_of_both(node: Any) -> bool:
    left, right = (is_scalar(one) or _is_few(one) for one in (node.lhs, node.rhs))
    card = str(node.modifier.card) if node.modifier is not None else ""
    if str(node.op) == "or" or is_scalar(node.lhs) or is_scalar(node.rhs):
        return left and right
    if str(node.op) == "unless" or "ManyToOne" in card:
        return left
    if "OneToMany" in card:
        return right
    return left or (right and _matches_many(node))


def _matches_many(node: Any) -> bool:
    given = node.modifier.matching if node.modifier is not None else None
    if given is None or not str(given.type).endswith("Include"):
        return True
    return bool(_MANY.intersection(given.labels))


def _is_one(selector: Any) -> bool:
    """Whether it is of one VM, or has no label of what there is much of."""
    vm = any((one.name, one.value) == ("vm_id", "$vm") for one in selector.matchers.matchers)
    return vm or not (parts.known().labels(selector.name or "") or frozenset()) & _MANY


def lasting(site: Site) -> Iterator[str]:
    """Which series are the largest is said once for all that a panel shows, not at each step."""
    for panel in parts.drawn(site.board):
        for target in panel.get("targets") or ():
            try:
                found = nodes(parts.tree(target.get("expr") or ""))
            except ValueError:
                continue
            if not target.get("instant") and any(_chooses_at_each_step(one) for one in found):
                yield f"{parts.name_of(panel)}, target {target['refId']}: the largest at each step"


def _chooses_at_each_step(node: Any) -> bool:
    is_ranked = isinstance(node, promql_parser.AggregateExpr) and str(node.op) in _LARGEST
    return is_ranked and node.modifier is None and _moves(node.expr)


def _moves(node: Any) -> bool:
    """Whether a result is not the same at all steps."""
    if getattr(node, "at", None) is not None:
        return False
    if isinstance(node, promql_parser.VectorSelector):
        return True
    below = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    return any(_moves(one) for one in (*below, *getattr(node, "args", ())) if one is not None)


RULES: Final[tuple[Rule, ...]] = (
    promql, rates, counters, names, shown_labels, clouds, one_cloud, neutral, projects, records, bounded,
    lasting,
)  # fmt: skip
