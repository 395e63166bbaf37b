"""Nova's queries: their checks, and pages of lists."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from stratoscope.demo.openstack.http_request import HttpError, Json, Request

T = TypeVar("T")

MOST: Final = 1000
_STRICT_SINCE: Final = 75
"""The microversion from which on an unknown query parameter is an error."""


class Page(NamedTuple):
    """Attributes: limit: At most MOST; marker: "" for the first page."""

    limit: int
    marker: str


def page_of(request: Request) -> Page:
    """The requested page of a list. Raises HttpError where the limit is no number."""
    limit = request.query.get("limit")
    if limit is not None and not re.fullmatch("[0-9]*", limit):
        raise _invalid("limit", limit, f"{limit!r} does not match '^[0-9]*$'")
    return Page(min(MOST, int(limit or MOST)), request.query.get("marker", ""))


def unknown_marker(marker: str) -> HttpError:
    return HttpError(400, f"marker [{marker}] not found")


def next_link(request: Request, key: str, page: Page, ids: Sequence[str]) -> Json:
    """The link to the next page; nothing where this page is not full."""
    if not ids or len(ids) < page.limit:
        return {}
    href = f"{request.base}/v2.1{request.path}?{request.query_for({'marker': ids[-1]})}"
    return {f"{key}_links": [{"rel": "next", "href": href}]}


def cut(request: Request, key: str, items: Iterable[T], id_of: Callable[[T], object]) -> tuple[list[T], Json]:
    """The requested page of a short list, and the link to the next one."""
    page, listed = page_of(request), list(items)
    ids = [str(id_of(item)) for item in listed]
    if page.marker and page.marker not in ids:
        raise unknown_marker(page.marker)
    start = ids.index(page.marker) + 1 if page.marker else 0
    chosen = slice(start, start + page.limit)
    return listed[chosen], next_link(request, key, page, ids[chosen])


def moment_of(request: Request, name: str) -> float | None:
    """A query parameter in Unix seconds; None without it. Raises HttpError where it is no moment."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise _invalid(name, text, f"{text!r} is not a 'date-time'") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def only(request: Request, *known: str) -> None:
    """Raise HttpError for an unknown query parameter, as newer microversions do."""
    for name in request.query:
        if request.since(_STRICT_SINCE) and name not in known:
            text = f"Additional properties are not allowed ({name!r} was unexpected)"
            raise HttpError(400, text)


def _invalid(name: str, value: str, why: str) -> HttpError:
    return HttpError(400, f"Invalid input for query parameters {name}. Value: {value}. {why}")
