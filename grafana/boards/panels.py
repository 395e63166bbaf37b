"""Panels as all boards have them: a title, a description that says what good looks like, a unit, queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any, Final, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeSizing,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TableCellHeight,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from boards import colours

DATA: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
NONE: Final = "none"
"""What a panel says where somebody looked, and there is nothing; never because nothing is known."""
NOT_MEASURED: Final = "not measured"
"""What a panel says that is empty where nobody measures what it shows."""
ABSENT: Final = "-"
"""What a cell of a table says that lacks a label: its row is of something that has none."""
NO_LIMIT: Final = "no limit"
UNSURE: Final = "none, or not measured"
"""What a panel says that is empty where no series tells whether somebody looked."""
_NOTHING: Final = -1_000_000_000
"""The value that cells and tables show as `none`: nothing that they show is so far below 0."""

_STEP: Final = "1m"
"""At least, of what is asked: hosts are scraped once a minute. `$__rate_interval` is four of it, or more."""

_SHOWN: Final = "[$__range:$__interval] @ end()"
"""Of a subquery: all steps that a panel shows, asked once."""

NARROW: Final = 105
"""Pixels of a column at least, in a table that has many."""
_HIDE: Final = {"viz": True, "legend": False, "tooltip": False}
_OF_AN_ID: Final = 310
"""Pixels in which a UUID is read whole."""
_OF_A_NAME: Final = 200
"""Of a VM, that leads to it."""
_OF_A_MOMENT: Final = 170
_OF_LABELS: Final = {
    "text": 420,
    "covers": _OF_AN_ID,
    "severity": 110,
    "planned": 100,
    "source": 170,
    "downtime_id": 130,
}
"""Of texts whose length is known, so that what stands beside them is read whole, too."""
_LOWEST_BAR_PX: Final = 16
_HIGHEST_BAR_PX: Final = 28

Panel = Builder[dashboard.Panel]
Words = Mapping[str, tuple[str, str]]
"""Of values the words and colours that replace them."""


@dataclass(frozen=True)
class About:
    """Title and description. `empty` says when the panel may have nothing to show; then it says `word`.

    Attributes:
        seen: PromQL that finds something if somebody looked. Then an empty panel says `none`, else `word`.
    """

    title: str
    good: str
    empty: str = ""
    word: str = NOT_MEASURED
    seen: str = ""


@dataclass(frozen=True)
class Look:
    """How values are shown: their unit, their colours from thresholds on, words instead of them."""

    unit: str = "none"
    colours: ThresholdsConfig | None = None
    words: Words | None = None


@dataclass(frozen=True)
class Query:
    """PromQL, and the legend of its series with labels in {{}}; a line's colour where it means something."""

    expr: str
    legend: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Column:
    """A label, or `Value` (of several queries `Value #A`, `Value #B`), and its heading in a table."""

    name: str
    heading: str
    look: Look | None = None
    link: str = ""
    hidden: bool = False  # for links of other columns alone
    missing: str = ""  # what a row says that lacks it, if not `-` for a label, `not measured` for a value

    def is_value(self) -> bool:
        return self.name.startswith("Value")

    def word(self) -> str:
        """What Grafana writes into an empty cell: nothing into one with a link, or one that a link reads."""
        of_links = bool(self.link) or self.hidden
        return self.missing or (NOT_MEASURED if self.is_value() else "" if of_links else ABSENT)


class _Builder(Protocol):
    def title(self, title: str, /) -> Self: ...
    def description(self, description: str, /) -> Self: ...
    def datasource(self, datasource: DataSourceRef, /) -> Self: ...
    def with_target(self, target: Builder[AnyQuery], /) -> Self: ...
    def span(self, w: int, /) -> Self: ...
    def height(self, h: int, /) -> Self: ...
    def no_value(self, no_value: str, /) -> Self: ...
    def unit(self, unit: str, /) -> Self: ...
    def thresholds(self, thresholds: Builder[dashboard.ThresholdsConfig], /) -> Self: ...
    def color_scheme(self, color: Builder[dashboard.FieldColor], /) -> Self: ...
    def mappings(self, mappings: list[ValueMapping], /) -> Self: ...


_B = TypeVar("_B", bound=_Builder)


def lines(about: About, unit: str, *queries: Query) -> timeseries.Panel:
    """Values over time, half as wide as the board. A query of one series has a colour of its own."""
    queries = _or_none(about, queries, nothing=0)
    panel = _begun(timeseries.Panel(), about, (12, 8), _targets(queries, now=False)).unit(unit)
    own = cycle(colours.LINES)
    for place, query in enumerate(queries):
        if "{{" not in query.legend:
            panel = panel.override_by_query(_ref(place), _line(query, query.colour or next(own)))
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    return (
        panel.axis_soft_min(0)
        .line_width(2)
        .show_points(VisibilityMode.NEVER)
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .legend(_legend())
        .tooltip(tooltip)
    )


def highest(count: int, expr: str, *, by: str = "") -> str:
    """For lines: the series that were highest at some step shown; topk alone chooses anew at each step.

    Args:
        by: What must be highest, if not the values themselves; with the same labels.
    """
    return f"({expr}) and topk({count}, max_over_time(({by or expr}){_SHOWN}))"


def lowest(count: int, expr: str) -> str:
    """The same for series that were lowest."""
    return f"({expr}) and bottomk({count}, min_over_time(({expr}){_SHOWN}))"


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Values that add up, one above the other."""
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A")).fill_opacity(40)


def cells(about: About, look: Look, *queries: Query) -> stat.Panel:
    """The value now of each series, in a coloured cell with its name, as wide as the board."""
    if about.seen:
        look = replace(look, words=_with_none(look.words))
    queries = _or_none(about, queries, _NOTHING)
    panel = _looking(_begun(stat.Panel(), about, (24, 4), _targets(queries, now=True)), look)
    return (
        panel.color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME if queries[0].legend else BigValueTextMode.VALUE)
        .reduce_options(_last())
    )


def bars(about: About, look: Look, *queries: Query) -> bargauge.Panel:
    """The value now of each series as a bar, half as wide as the board."""
    queries = _or_none(about, queries, nothing=0)
    panel = _looking(_begun(bargauge.Panel(), about, (12, 8), _targets(queries, now=True)), look)
    panel = panel.display_mode(BarGaugeDisplayMode.BASIC)  # one colour, which says what the value means
    # A single bar would fill the panel, and its name be as large as a heading.
    panel = panel.sizing(BarGaugeSizing.MANUAL).min_viz_height(_LOWEST_BAR_PX).max_viz_height(_HIGHEST_BAR_PX)
    return panel.min(0).orientation(VizOrientation.HORIZONTAL).reduce_options(_last())


def timeline(about: About, look: Look, *queries: Query) -> statetimeline.Panel:
    """States over time, a row per series, as wide as the board."""
    panel = _looking(_begun(statetimeline.Panel(), about, (24, 8), _targets(queries, now=False)), look)
    return panel.show_value(VisibilityMode.NEVER).row_height(0.9).fill_opacity(90).legend(_legend())


def rows(about: About, columns: Sequence[Column], *queries: Query) -> table.Panel:
    """A table of labels and values now, as wide as the board; several queries are merged by their labels."""
    if about.seen:
        plain = (one for one in columns if not (one.is_value() or one.link or one.missing))
        label = next(plain).name
        queries = _or_row_of_none(about, label, queries)
    targets = [target.format(PromQueryFormat.TABLE) for target in _targets(queries, now=True)]
    panel = _begun(table.Panel(), about, (24, 8), targets).cell_height(TableCellHeight.SM)
    if len(queries) > 1:
        panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    shown = [column.name for column in columns]
    order: dict[str, Any] = {
        "includeByName": dict.fromkeys(shown, True),
        "indexByName": {name: place for place, name in enumerate(shown)},
        "renameByName": {column.name: column.heading for column in columns},
        "excludeByName": {},
    }
    panel = panel.with_transformation(DataTransformerConfig(id_val="organize", options=order))
    for column in columns:
        panel = panel.override_by_name(column.heading, _properties(column, seen=bool(about.seen)))
    return panel


def _or_none(about: About, queries: tuple[Query, ...], nothing: int) -> tuple[Query, ...]:
    """With a last query that finds `none`: somebody looked, and the others find nothing."""
    if not about.seen:
        return queries
    found = " or ".join(f"({query.expr})" for query in queries)
    return (*queries, Query(f"{nothing} * group({about.seen}) unless on () ({found})", NONE))


def _or_row_of_none(about: About, label: str, queries: tuple[Query, ...]) -> tuple[Query, ...]:
    """The first finds it where somebody looked and no query finds a row. Most stand beside its rows."""
    first, *others = queries
    row = f'label_replace({_NOTHING} * group({about.seen}), "{label}", "{NONE}", "", "")'
    if alone := [f"({query.expr})" for query in others if first.expr not in query.expr]:
        row = f"({row} unless on () ({' or '.join(alone)}))"
    return (replace(first, expr=f"{first.expr} or on () {row}"), *others)


def _with_none(words: Words | None) -> Words:
    return {**(words or {}), str(_NOTHING): (NONE, colours.GOOD)}


def _begun(panel: _B, about: About, size: tuple[int, int], targets: Sequence[Dataquery]) -> _B:
    words = about.good
    if about.seen:
        words += f" Says {NONE!r}: {about.empty} Says {about.word!r}: nobody looks."
    elif about.empty:
        words += f" Says {about.word!r}: {about.empty}"
    panel = panel.title(about.title).description(words).datasource(DATA).span(size[0]).height(size[1])
    for target in targets:
        panel = panel.with_target(target)
    return panel.no_value(about.word) if about.empty else panel


def _looking(panel: _B, look: Look) -> _B:
    panel = panel.unit(look.unit).color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    return panel.thresholds(look.colours or colours.steps()).mappings(_mappings(look.words or {}))


def _targets(queries: Sequence[Query], *, now: bool) -> list[Dataquery]:
    targets = []
    for place, query in enumerate(queries):
        target = Dataquery().ref_id(_ref(place)).expr(query.expr).datasource(DATA).interval(_STEP)
        target = target.legend_format(query.legend) if query.legend else target
        targets.append(target.instant() if now else target.range())
    return targets


def _ref(place: int) -> str:
    return chr(ord("A") + place)


def _line(query: Query, colour: str) -> list[DynamicConfigValue]:
    """A threshold or an objective is dashed, in the colour of what is beyond it."""
    if not query.legend.startswith(("threshold", "objective")):
        return [fixed(colour)]
    return [
        fixed(colours.BAD),
        DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 8]}),
    ]


def called(text: str) -> DynamicConfigValue:
    """A line or cell is shown by this text."""
    return DynamicConfigValue(id_val="displayName", value=text)


def fixed(colour: str) -> DynamicConfigValue:
    """The colour of a series, whatever its values are."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return legend.show_legend(True).calcs([])


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _properties(column: Column, *, seen: bool) -> list[DynamicConfigValue]:
    look = column.look or Look()
    is_first = column.name in ("Value", "Value #A")  # of the first query, which finds `none`
    can_be_none = seen and is_first
    is_beside_none = seen and column.is_value() and not (is_first or column.missing)
    coloured = look.colours is not None or look.words is not None
    word = ABSENT if is_beside_none else column.word()
    properties = {
        "unit": look.unit if column.look or column.is_value() else None,
        "mappings": [
            *_mappings(_with_none(look.words) if can_be_none else look.words or {}),
            *(_of_nothing(word) if coloured else ()),
        ],
        "thresholds": look.colours.build() if look.colours else None,
        "custom.cellOptions": {"type": "color-background", "mode": "basic"} if coloured else None,
        "custom.width": _width(column),
        "custom.hideFrom": _HIDE if column.hidden else None,
        "links": [{"title": column.heading, "url": column.link}] if column.link else None,
    }
    said = {name: value for name, value in properties.items() if value} | {"noValue": word}
    return [DynamicConfigValue(id_val=name, value=value) for name, value in said.items()]


def _of_nothing(word: str) -> list[ValueMapping]:
    """A cell without a value has no colour of values: Grafana gives it the lowest, be that good or bad."""
    result = ValueMappingResult(text=word, color=colours.UNKNOWN)
    return [SpecialValueMap(DashboardSpecialValueMapOptions(SpecialValueMatch.NULL_AND_NAN, result))]


def _width(column: Column) -> int | None:
    if column.name == "vm_name" and column.link:
        return _OF_A_NAME
    if column.look is not None and column.look.unit == "dateTimeAsIso":
        return _OF_A_MOMENT
    return _OF_LABELS.get(column.name, _OF_AN_ID if column.name.endswith("_id") else None)


def _mappings(words: Words) -> list[ValueMapping]:
    options = {
        value: ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(words.items())
    }
    return [ValueMap(options=options)] if options else []
