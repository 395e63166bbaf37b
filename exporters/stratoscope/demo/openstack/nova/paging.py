"""Nova's way to read queries, and to cut lists into pages."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from stratoscope.demo.openstack.asking import Ask, Json, RefusalError

MOST: Final = 1000
_STRICT_SINCE: Final = 75
"""The microversion from which on a query parameter that Nova does not know is an error."""


class Page(NamedTuple):
    """Attributes: limit: At most MOST; marker: "" for the first page."""

    limit: int
    marker: str


def page_of(ask: Ask) -> Page:
    """What part of a list is asked for.

    Raises:
        RefusalError: The limit is no number.
    """
    said = ask.query.get("limit")
    if said is not None and not re.fullmatch("[0-9]*", said):
        raise _invalid("limit", said, f"{said!r} does not match '^[0-9]*$'")
    return Page(min(MOST, int(said or MOST)), ask.query.get("marker", ""))


def next_link(ask: Ask, key: str, page: Page, ids: Sequence[str]) -> Json:
    """The link to the next page; nothing where this one is not full."""
    if not ids or len(ids) < page.limit:
        return {}
    href = f"{ask.base}/v2.1{ask.path}?{ask.url({'marker': ids[-1]})}"
    return {f"{key}_links": [{"rel": "next", "href": href}]}


def moment_of(ask: Ask, name: str) -> float | None:
    """A query parameter that is a moment, in Unix seconds; None where it is not given.

    Raises:
        RefusalError: It is none.
    """
    said = ask.query.get(name)
    if said is None:
        return None
    try:
        when = datetime.fromisoformat(said)
    except ValueError as error:
        raise _invalid(name, said, f"{said!r} is not a 'date-time'") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def only(ask: Ask, *known: str) -> None:
    """Refuse query parameters that are not known, as Nova does in newer microversions."""
    for name in ask.query:
        if ask.since(_STRICT_SINCE) and name not in known:
            text = f"Additional properties are not allowed ({name!r} was unexpected)"
            raise RefusalError(400, text)


def _invalid(name: str, value: str, why: str) -> RefusalError:
    return RefusalError(400, f"Invalid input for query parameters {name}. Value: {value}. {why}")
