"""The parameters of requests: by which downtimes are chosen, of a page, of a change."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from multidict import MultiMapping

from stratoscope.downtime.database.finding import Filter, Place
from stratoscope.downtime.draft import LABELS, OTHERS, FieldError
from stratoscope.downtime.model import State

LONGEST: Final = 200
"""Characters of a parameter."""
_USUAL: Final = 100
_MOST: Final = 1000
"""Of a page."""
_DIGITS: Final = 11
"""Of Unix seconds."""
_REVISION_DIGITS: Final = 9
_PAGE_DIGITS: Final = 6
_PLACE: Final = re.compile(r"(\d{1,12})-([0-9a-z]{1,20})", re.ASCII)

_TEXT: Final = {"type": "string", "maxLength": LONGEST}


def label(name: str) -> Mapping[str, Any]:
    """The parameter of a label, as JSON Schema."""
    return _TEXT | {"description": f"It concerns what has this label {name}."}


_MOMENT: Final = {"type": "integer", "minimum": 0, "description": "Unix seconds."}
FILTERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "state": {"type": "array", "items": {"enum": [*State]}, "description": "One of these; without: any."},
    "search": _TEXT | {"description": "A part of title, text, id, author or a matcher, in capitals or not."},
    "source": _TEXT | {"description": "What filed it: `person`, or such as `gocdb:egi`."},
    "from": _MOMENT,
    "to": _MOMENT,
    **{name: label(name) for name in sorted(LABELS)},
}
"""The parameters that choose, by name, each as JSON Schema; all of them must apply. The labels of the
configuration are parameters like LABELS, but for those whose name another parameter has."""
PAGING: Final[Mapping[str, Mapping[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _USUAL},
    "after": _TEXT | {"description": "`next` of the page before."},
}
"""The parameters of a page, in the same form."""
HISTORY: Final[Mapping[str, Mapping[str, Any]]] = {
    "history_before": {"type": "integer", "minimum": 2, "description": "`history_next` of the last answer."}
}
"""Those of one downtime."""


def checked_key(text: str, name: str) -> str:
    """The idempotency key of a header or a form's field. Raises FieldError."""
    if len(text) > LONGEST or not text.isprintable():
        raise FieldError(name, f"{len(text)} characters; allowed: {LONGEST} that can be printed")
    return text


def revision_of(text: str) -> int | None:
    """The number of a revision; None: it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _REVISION_DIGITS else None


class Query:
    """The parameters of a request. Raises (each method) FieldError."""

    def __init__(
        self, query: MultiMapping[str], allowed: Collection[str], labels: Collection[str] = ()
    ) -> None:
        """Args: labels: Those of the configuration, if they are allowed, too."""
        self._query = query
        more = {*labels} - {*allowed}
        self._labels = LABELS | more
        for name, value in query.items():
            if name not in allowed and name not in more:
                every = ", ".join(sorted({*allowed, *more})) or "none"
                others = f"; of labels {OTHERS}" if {*allowed} & LABELS else ""
                raise FieldError(name[:40], f"unknown parameter; allowed: {every}{others}")
            if len(value) > LONGEST:
                raise FieldError(name, f"{len(value)} characters; allowed: {LONGEST}")
            if not value.isprintable():
                raise FieldError(name, f"{value!r}; allowed: characters that can be printed")
            if name in self._labels and len(query.getall(name)) > 1:
                raise FieldError(name, "stands there twice; allowed: one value of each label")

    def filter(self) -> Filter:
        return Filter(
            states=frozenset(map(self._state, self._query.getall("state", []))),
            text=self._query.get("search", ""),
            source=self._query.get("source"),
            labels={name: self._query[name] for name in self._labels if name in self._query},
            begin=self._moment("from"),
            end=self._moment("to"),
        )

    def limit(self) -> int:
        text = self._query.get("limit", str(_USUAL))
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST):
            raise FieldError("limit", f"{text!r}; allowed: 1 to {_MOST}")
        return int(text)

    def entry(self, name: str) -> int | None:
        text = self._query.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) > 1):
            raise FieldError(name, f"{text!r}; allowed: 2 or more, `history_next` of the last answer")
        return int(text)

    def page(self) -> int:
        text = self._query.get("page", "1")
        if not (text.isascii() and text.isdecimal() and len(text) <= _PAGE_DIGITS and int(text)):
            raise FieldError("page", f"{text!r}; allowed: 1 or more")
        return int(text)

    def place(self, name: str) -> Place | None:
        text = self._query.get(name)
        if text is None:
            return None
        found = _PLACE.fullmatch(text)
        if found is None:
            raise FieldError(name, f"{text!r}; allowed: `next` of the page before")
        return Place(int(found[1]), found[2])

    def _state(self, text: str) -> State:
        if text not in [*State]:
            raise FieldError("state", f"{text!r}; allowed: {', '.join(State)}")
        return State(text)

    def _moment(self, name: str) -> int | None:
        text = self._query.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
            raise FieldError(name, f"{text!r}; allowed: Unix seconds")
        return int(text)
