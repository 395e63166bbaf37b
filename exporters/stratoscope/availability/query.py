"""One instant query. Source: Prometheus, GET /api/v1/query."""

import argparse
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from stratoscope.core.client.request import AskError, fetched
from stratoscope.core.errors import short_line

T = TypeVar("T")

DAY_S: Final = 86400
_LARGEST: Final = 64 * 1024 * 1024


class _Data(msgspec.Struct, frozen=True):
    result: list[Any]


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    """An answer.

    Attributes:
        warnings: Of Thanos, which stores did not answer; of Prometheus also what it thinks of a query.
        is_partial: Of a cluster of VictoriaMetrics: whether a part of it did not answer.
    """

    data: _Data
    warnings: tuple[str, ...] | None = None
    is_partial: bool = False

    def lacks(self) -> str:
        """Why series may be missing; "" if all are there."""
        lacking = [one for one in self.warnings or () if not one.startswith("PromQL ")]
        return lacking[0] if lacking else "a part of it does not answer" if self.is_partial else ""


def begin(day: date) -> int:
    """Its midnight, in Unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def at_end(day: date) -> str:
    """The moment at which a window of a day is this day."""
    return f"{begin(day) + DAY_S - 1}.999"


def finite(text: str) -> float:
    """A value. Raises AskError: It is none, or not finite."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AskError(f"the value {text[:40]!r} of a record is no number")
    return value


def queried(flags: argparse.Namespace, shape: type[T], query: str, moment: str = "") -> Sequence[T]:
    """The series that are found.

    Args:
        shape: Of one of them.
        moment: Unix seconds; "" for now.

    Raises:
        AskError, OSError, http.client.HTTPException: Prometheus cannot be asked.
    """
    asked = urlencode({"query": query, **({"time": moment} if moment else {})})
    try:
        found = msgspec.convert(fetched(flags, f"/api/v1/query?{asked}", largest=_LARGEST), _Answer)
        series = msgspec.convert(found.data.result, list[shape])  # type: ignore[valid-type]  # a type at run time
    except (msgspec.ValidationError, ValueError) as error:
        raise AskError("no Prometheus answers there; allowed: --url with the address of one") from error
    if lacks := found.lacks():
        raise AskError(f"its answer is not whole: {short_line(lacks)}")
    return series
