"""What Grafana puts into a query in place of variables: their values, the step, the time window."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from support.grafana_boards import Panel, Variable

SCRAPE_INTERVAL_S: Final = 15.0
"""What a data source has whose settings nobody changed."""
ALL: Final = "$__all"
_MOST_POINTS: Final = 11_000
_NICE_STEPS_S: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200),
    *(1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 31_536_000),
)
# Not `$1`, as label_replace has it.
_USE: Final = re.compile(r"\$([a-zA-Z_]\w*)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
_SPECIAL: Final = re.compile(r"[\\^$*+?.()|\[\]{}']")

_ESCAPED_IN_REGEX: Final = re.compile(r"[\\^$*+?.()|\[\]{}/]")


@dataclass(frozen=True)
class Window:
    """The time that a dashboard shows. Unix seconds."""

    start: float
    end: float

    def last(self, length_s: float) -> "Window":
        """The same end, with another length."""
        return Window(self.end - length_s, self.end)

    @property
    def length_s(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Option:
    """What a variable can be: what a reader sees, and what is put in."""

    text: str
    value: str


@dataclass(frozen=True)
class Choice:
    """A variable with its options and those that are chosen; `all` where nobody chose among them."""

    variable: Variable
    options: tuple[Option, ...]
    chosen: tuple[str, ...]

    def is_all(self) -> bool:
        return self.chosen == (ALL,)

    def values(self) -> tuple[str, ...]:
        return tuple(one.value for one in self.options) if self.is_all() else self.chosen

    def texts(self) -> tuple[str, ...]:
        """What the dashboard shows as chosen."""
        names = {one.value: one.text for one in self.options}
        return ("All",) if self.is_all() else tuple(names.get(value, value) for value in self.chosen)

    def in_promql(self) -> str:
        """As the Prometheus data source puts it into a query."""
        if self.is_all() and self.variable.all_value:
            return self.variable.all_value
        values = self.values()
        if not (self.variable.multi or self.variable.include_all):
            return "".join(values).replace("\\", r"\\").replace("'", r"\\'")
        escaped = [_SPECIAL.sub(_escaped, one) for one in values]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})" if escaped else ""

    def formatted(self, how: str) -> str:
        """As `${name:how}` asks for it. Raises ValueError for ways that our dashboards do not use."""
        if self.is_all() and self.variable.all_value:
            return self.variable.all_value
        if how in ("raw", "csv"):
            return ",".join(self.values())
        if how == "pipe":
            return "|".join(self.values())
        if how == "regex":
            values = [as_regex(one) for one in self.values()]
            return values[0] if len(values) == 1 else f"({'|'.join(values)})"
        if how == "text":
            return " + ".join(self.texts())
        raise ValueError(f"${{{self.variable.name}:{how}}}: this way is not known here")


Choices = Mapping[str, Choice]
"""By the names of their variables."""


@dataclass(frozen=True)
class Filled:
    """What is put into the queries of one panel, and their window and step."""

    window: Window
    step_s: float
    choices: Choices = field(default_factory=lambda: MappingProxyType({}))
    scrape_interval_s: float = SCRAPE_INTERVAL_S

    def fill(self, text: str) -> str:
        """The text without variables. Raises ValueError for one that is not known."""
        return _USE.sub(self._put, text)

    def at_least(self, least_step_s: float) -> "Filled":
        """Of a target that sets a least step, which is also how often hosts are scraped; 0: it sets none."""
        if not least_step_s:
            return self
        return replace(self, step_s=max(self.step_s, least_step_s), scrape_interval_s=least_step_s)

    def _put(self, use: re.Match[str]) -> str:
        name = use[1] or use[2] or use[4]
        if name in self.choices:
            choice, how = self.choices[name], use[3] or use[5]
            return choice.formatted(how) if how else choice.in_promql()
        if (value := self._built_in().get(name)) is not None:
            return value
        raise ValueError(f"${name} is no variable")

    def _built_in(self) -> Mapping[str, str]:
        rate_s = max(self.step_s + self.scrape_interval_s, 4 * self.scrape_interval_s)
        length_s = round(self.window.length_s)
        return {
            "__interval": _duration(self.step_s),
            "__interval_ms": str(round(self.step_s * 1_000)),
            "__rate_interval": _duration(rate_s),
            "__range": f"{length_s}s",
            "__range_s": str(length_s),
            "__range_ms": str(length_s * 1_000),
            "__from": str(round(self.window.start * 1_000)),
            "__to": str(round(self.window.end * 1_000)),
        }


def filled(
    panel: Panel, window: Window, choices: Choices, scrape_interval_s: float = SCRAPE_INTERVAL_S
) -> Filled:
    """What goes into the queries of this panel."""
    own = window.last(panel.last_s) if panel.last_s else window
    least_s = panel.least_step_s or scrape_interval_s
    return Filled(own, step(own, panel.points, least_s), choices, scrape_interval_s)


def step(window: Window, points: int, least_s: float = SCRAPE_INTERVAL_S) -> float:
    """Seconds between the points of a range query: Grafana takes a round one, not below the least."""
    wanted = window.length_s / points
    nice = min(_NICE_STEPS_S, key=lambda one: (abs(one - wanted), -one))
    return max(nice, least_s, window.length_s / _MOST_POINTS)


def as_regex(value: str) -> str:
    """A regular expression that the value alone matches, as `${name:regex}` is written."""
    return _ESCAPED_IN_REGEX.sub(r"\\\g<0>", value)


def _escaped(found: re.Match[str]) -> str:
    """A character that regular expressions know, within a string of PromQL."""
    return r"\\\\" if found[0] == "\\" else rf"\\{found[0]}"


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1_000)}ms" if seconds % 1 else f"{round(seconds)}s"
