"""Matchers of alerts, as Alertmanager has them: `host="n1"`, `host!="n1"`, `host=~"n.*"`, `host!~"n.*"`."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec
import re2

from stratoscope.downtime.usual import usual

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_WRITTEN: Final = re.compile(r'\s*([^\s=!~"]+)\s*(=~|!~|!=|=)\s*(".*"|[^\s"]*)\s*', re.DOTALL)
_PART: Final = re.compile(r'((?:[^",]|"(?:[^"\\]|\\.?)*"?)*)(?:,|$)', re.DOTALL)
"""What stands in a set up to the next comma that is in no quotes."""
_OPERATORS: Final = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}
_LITERAL: Final = {"=": "=~", "!=": "!~"}
"""The operators that take no pattern, and those that do."""
_LIST: Final = re.compile("[*,|]")
_PATTERNS: Final = {"*": ".*", ",": "|", "|": "|"}
"""What shells and lists mean, as RE2 writes it."""
_LARGEST_PATTERN: Final = 1 << 20
"""Memory of a compiled pattern, in bytes."""


class Matcher(msgspec.Struct, frozen=True, order=True):
    """One condition on a label. A label that an alert lacks counts as empty.

    Attributes:
        name: Of the label.
        value: What it is compared with; if `is_regex`, a pattern of RE2 that matches the whole value.
        is_equal: False negates it.
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    @classmethod
    def parse(cls, text: str) -> "Matcher":
        """The matcher that is written as Prometheus writes it; a value without blanks needs no quotes.

        Raises ValueError: What is wrong, and what is allowed.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(
                f'{text[:80]!r} is no matcher; allowed: such as host="n1", host!=n1, host=~"n.*"'
            )
        name, operator, value = found.groups()
        if value.startswith(("=", "~")):
            raise ValueError(
                f"{text[:80]!r} has an unknown operator; allowed: =, !=, =~, !~, and quotes around a value"
            )
        if several(text):
            raise ValueError(
                f"{text[:80]!r} is more than one matcher; allowed: each by itself, or with quotes"
            )
        if operator in _LITERAL and _LIST.search(value) and not value.startswith('"'):
            pattern = json.dumps(_LIST.sub(lambda one: _PATTERNS[one[0]], value), ensure_ascii=False)
            raise ValueError(
                f"{text[:80]!r} is one value, no pattern; allowed: {name}{_LITERAL[operator]}{pattern[:80]},"
                f" or {name}{operator}{json.dumps(value[:80], ensure_ascii=False)} if it is meant"
            )
        if value.startswith('"'):
            try:
                value = json.loads(value, strict=False)
            except ValueError as error:
                raise ValueError(f"{text[:80]!r}: its quotes or escapes do not end") from error
        matcher = cls(name, value, *_OPERATORS[operator])
        matcher.check()
        return matcher

    def check(self) -> None:
        """Raises ValueError: The name is none of a label, or the value cannot be printed or is no pattern."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name[:80]!r} is no name of a label; allowed: letters, digits and _")
        if not self.value.isprintable():
            raise ValueError(f"{self.value[:80]!r} is no value; allowed: characters that can be printed")
        if self.is_regex:
            try:
                _compiled(self.value)
            except re2.error as error:
                reason = error.args[0] if error.args else ""
                reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
                raise ValueError(f"{self.value[:80]!r} is no pattern of RE2: {reason}") from error

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.name, "")
        is_met = _compiled(self.value).fullmatch(value) is not None if self.is_regex else value == self.value
        return is_met is self.is_equal

    @property
    def operator(self) -> str:
        """Such as `=~`."""
        return next(one for one, kind in _OPERATORS.items() if kind == (self.is_regex, self.is_equal))

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{json.dumps(self.value, ensure_ascii=False)}"


MatcherSet: TypeAlias = tuple[Matcher, ...]
"""All of them must match. Sorted, each once, so that two equal sets are the same value."""


def matcher_set(matchers: Iterable[Matcher]) -> MatcherSet:
    """The set of these matchers."""
    return tuple(sorted({*matchers}))


def set_texts(text: str) -> tuple[str, ...]:
    """The matchers of a set in one line, with or without braces, each as `Matcher.parse` takes it."""
    line = text.strip()
    if line.startswith("{") and line.endswith("}"):
        line = line[1:-1]
    *parts, _ = (found[1].strip() for found in _PART.finditer(line.strip()))  # the last is its empty end
    return tuple(parts)


def several(text: str) -> bool:
    """Whether a matcher, or a label with its value, seems to be more than one: `cloud=uni,host=n1`."""
    return "," in text and sum(_WRITTEN.fullmatch(one) is not None for one in set_texts(text)) > 1


def matches(matchers: MatcherSet, labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels matches the set."""
    return all(one.matches(labels) for one in matchers)


def contradiction(matchers: MatcherSet) -> tuple[Matcher, Matcher] | None:
    """Two that no alert meets: an equality, and another on the same label that its value does not meet."""
    for one in matchers:
        if one.is_equal and not one.is_regex:
            value = {one.name: one.value}
            for other in matchers:
                if other.name == one.name and not other.matches(value):
                    return one, other
    return None


def matches_unlabelled(matchers: MatcherSet) -> bool:
    """Whether an alert without any label matches: Alertmanager rejects such a set."""
    return matches(matchers, {})


def matches_everything(matchers: MatcherSet) -> bool:
    """Whether the set matches alerts whatever their labels are: of each label all values of a usual kind."""
    return all(
        any(all(matches(same, {name: value}) for value in values) for values in usual(name))
        for name, same in _by_name(matchers)
    )


def _by_name(matchers: MatcherSet) -> Iterator[tuple[str, MatcherSet]]:
    for name, same in groupby(matchers, attrgetter("name")):
        yield name, tuple(same)


def written(matchers: MatcherSet) -> str:
    """The set in one line, as Prometheus writes it: `{host="n1", service=~"nova.*"}`."""
    return "{" + ", ".join(map(str, matchers)) + "}"


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem, options.log_errors = _LARGEST_PATTERN, False
    return re2.compile(pattern, options)
