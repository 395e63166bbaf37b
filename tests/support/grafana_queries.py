"""Asks Prometheus what a dashboard asks it, as Grafana does: variables first, then each target."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from support.grafana_boards import Annotation, Board, Panel, Target, Variable, start
from support.grafana_values import (
    ALL,
    SCRAPE_INTERVAL_S,
    Choice,
    Choices,
    Filled,
    Option,
    Window,
    filled,
    step,
)

_LABEL_VALUES: Final = re.compile(r"label_values\((?:(.+),\s*)?([a-zA-Z_]\w*)\s*\)\s*", re.DOTALL)
_QUERY_RESULT: Final = re.compile(r"query_result\((.+)\)\s*", re.DOTALL)
_DOT: Final = re.compile(r"(\\.|\[(?:[^\\\]]|\\.)*\])|\.")
_IN_LEGEND: Final = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_TIMEOUT_S: Final = 60
_LEAST_ANNOTATION_STEP_S: Final = 60.0


class AnswerError(Exception):
    """Prometheus did not answer a query: the query, and what it said."""


@dataclass(frozen=True)
class Series:
    """Labels, the name as `__name__`, and values by Unix seconds; a single one of an instant query."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Answer:
    """What Prometheus said to one query.

    Attributes:
        expr: As it was asked, without variables.
        step_s: 0 of an instant query.
        took_s: Until the whole answer was there.
    """

    expr: str
    step_s: float
    series: tuple[Series, ...]
    took_s: float


@dataclass(frozen=True)
class Asked:
    """A target, and its answer."""

    panel: Panel
    target: Target
    answer: Answer


class Grafana:
    """One time window, and the Prometheus that is asked about it."""

    def __init__(
        self, url: str, window: Window | None = None, scrape_interval_s: float = SCRAPE_INTERVAL_S
    ) -> None:
        """Whom it asks.

        Args:
            url: Of Prometheus.
            window: What all dashboards show; else each has its own, up to now.
            scrape_interval_s: As the data source's settings say.
        """
        self._url, self._window, self._scrape_interval_s = url.rstrip("/"), window, scrape_interval_s

    def window(self, board: Board) -> Window:
        now = time.time()
        return self._window or Window(start(board.since, now), now)

    def choices(self, board: Board, chosen: Mapping[str, str] = MappingProxyType({})) -> Choices:
        """The board's variables as it opens, each resolved with those before it.

        Args:
            board: Whose variables.
            chosen: Values by name, as `?var-name=value` in an address; `$__all` for all.

        Raises:
            AnswerError: A query of a variable failed.
            ValueError: A variable is of a kind that our dashboards do not use.
        """
        window, found = self.window(board), dict[str, Choice]()
        for variable in board.variables:
            filling = Filled(window, step(window, 1), found, self._scrape_interval_s)
            options = self._options(variable, filling)
            own = (chosen[variable.name],) if variable.name in chosen else _opens_with(variable, options)
            found[variable.name] = Choice(variable, options, own)
        return found

    def refreshed(self, board: Board, choices: Choices) -> Choices:
        """The same a minute later: of what follows the time, Grafana keeps only values that are options.

        Raises: as `choices`.
        """
        window, found = self.window(board), dict[str, Choice]()
        for variable in board.variables:
            found[variable.name] = choices[variable.name]
            if variable.follows_time:
                filling = Filled(window, step(window, 1), found, self._scrape_interval_s)
                options = self._options(variable, filling)
                found[variable.name] = _kept(variable, options, choices[variable.name].chosen)
        return found

    def ask(self, board: Board, choices: Choices) -> Iterator[Asked]:
        """Every target of every panel. Raises AnswerError."""
        window = self.window(board)
        for panel in board.panels:
            filling = filled(panel, window, choices, self._scrape_interval_s)
            for target in panel.targets:
                yield Asked(panel, target, self.run(target, filling.at_least(target.least_step_s)))

    def annotations(self, board: Board, choices: Choices) -> Iterator[tuple[Annotation, Answer]]:
        """Every annotation. Raises AnswerError."""
        window = self.window(board)
        step_s = step(window, board.panels[0].points, _LEAST_ANNOTATION_STEP_S)
        filling = Filled(window, step_s, choices, self._scrape_interval_s)
        for annotation in board.annotations:
            yield annotation, self.run(Target("Anno", annotation.expr), filling)

    def run(self, target: Target, filling: Filled) -> Answer:
        """One target. Raises AnswerError."""
        expr, step_s = filling.fill(target.expr), 0.0 if target.now else filling.step_s
        begun = time.monotonic()
        if target.now:
            found = self._get("query", query=expr, time=filling.window.end)
        else:
            # From and to whole steps, so that the same points come at each refresh.
            first, last = (at // step_s * step_s for at in (filling.window.start, filling.window.end))
            found = self._get("query_range", query=expr, start=first, end=last, step=step_s)
        return Answer(expr, step_s, tuple(_series(found)), time.monotonic() - begun)

    def _options(self, variable: Variable, filling: Filled) -> tuple[Option, ...]:
        if variable.kind == "datasource":
            return (Option("Prometheus", variable.query),)
        if variable.kind in ("constant", "textbox"):
            return (Option(variable.query, variable.query),)
        if variable.kind in ("custom", "interval"):
            words = [word.strip() for word in variable.query.split(",")]
            return tuple(Option(word, word) for word in words)
        if variable.kind == "query":
            found = matching(variable.regex, self._found(filling.fill(variable.query), filling.window))
            return tuple(sorted(found, key=lambda one: one.text.casefold()) if variable.by_name else found)
        raise ValueError(f"variable {variable.name} is of the kind {variable.kind}")

    def _found(self, query: str, window: Window) -> list[str]:
        if parts := _LABEL_VALUES.fullmatch(query):
            selectors = {"match[]": parts[1].strip()} if parts[1] else {}
            path = f"label/{quote(parts[2])}/values"
            values: list[str] = self._get(path, start=window.start, end=window.end, **selectors)
            return values
        if parts := _QUERY_RESULT.fullmatch(query):
            found = self._get("query", query=parts[1], time=window.end)
            return [shown(one) for one in found["result"]]
        raise ValueError(f"{query}: this query of variables is not known here")

    def _get(self, path: str, **asked: str | float) -> Any:
        url = f"{self._url}/api/v1/{path}?{urlencode(asked)}"
        try:
            with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - loopback
                return json.load(answer)["data"]
        except HTTPError as error:
            with error:
                raise AnswerError(f"{asked}: {error.read().decode()}") from error


def legend(target: Target, series: Series) -> str:
    """What the series is called; a label that it does not have is empty."""
    if not target.legend:
        name, labels = series.labels.get("__name__", ""), _without_name(series.labels)
        words = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        return f"{name}{{{words}}}"
    return _IN_LEGEND.sub(lambda found: series.labels.get(found[1], ""), target.legend)


def labels_of_legend(target: Target) -> set[str]:
    """The labels that the legend shows."""
    return set(_IN_LEGEND.findall(target.legend))


def not_merged(answers: Iterable[Asked]) -> list[str]:
    """Tables of several queries whose rows Grafana does not merge, as series keep the metric's name."""
    of_panels: dict[str, set[str]] = {}
    for one in answers:
        if one.target.table and len(one.panel.targets) > 1:
            names = {series.labels.get("__name__", "") for series in one.answer.series}
            of_panels.setdefault(one.panel.title, set()).update(names - {""})
    return [
        f"{title}: rows are not merged, their series have names: {', '.join(sorted(names))}"
        for title, names in of_panels.items()
        if len(names) > 1
    ]


def _opens_with(variable: Variable, options: Sequence[Option]) -> tuple[str, ...]:
    if variable.current:
        return variable.current
    if variable.include_all:
        return (ALL,)
    return (options[0].value,) if options else ()


def _kept(variable: Variable, options: tuple[Option, ...], chosen: Sequence[str]) -> Choice:
    """What is chosen once Grafana has asked for the options again."""
    there = {ALL, *(one.value for one in options)}
    kept = tuple(value for value in chosen if value in there)
    return Choice(variable, options, kept or _opens_with(variable, options))


def matching(regex: str, found: Sequence[str]) -> Iterator[Option]:
    """Options by the regular expression, without double ones, as they are found."""
    pattern = re.compile(_python(regex))
    options: dict[str, Option] = {}
    for text in found:
        if match := pattern.search(text):
            parts, whole = match.groupdict(), match[1] if pattern.groups else text
            value = parts.get("value") or parts.get("text") or whole
            options.setdefault(value, Option(parts.get("text") or value, value))
    yield from options.values()


def _python(regex: str) -> str:
    """A regular expression of JavaScript; flags are not used here. Its dot is no line break."""
    inner = regex[1:-1] if len(regex) > 1 and regex[0] == regex[-1] == "/" else regex
    inner = _DOT.sub(lambda found: found[1] or r"[^\n\r\u2028\u2029]", inner)
    return inner.replace("(?<value>", "(?P<value>").replace("(?<text>", "(?P<text>")


def shown(result: Mapping[str, Any]) -> str:
    """A series as `query_result` shows it to the regular expression."""
    labels = ",".join(f'{name}="{value}"' for name, value in _without_name(result["metric"]).items())
    at, value = result["value"]
    return f"{result['metric'].get('__name__', '')}{{{labels}}} {value} {round(float(at) * 1_000)}"


def _series(found: Mapping[str, Any]) -> Iterator[Series]:
    if found["resultType"] == "scalar":
        yield Series({}, (_point(found["result"]),))
        return
    for one in found["result"]:
        points = one["values"] if "values" in one else [one["value"]]
        yield Series(one["metric"], tuple(map(_point, points)))


def _point(point: Sequence[Any]) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _without_name(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__"}
