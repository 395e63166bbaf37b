"""Downtimes as JSON, with the fields of the API."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from stratoscope.downtime.model import Downtime

CONTENT_TYPE: Final = "application/json"


def json_feed(downtimes: Iterable[Downtime], now: int) -> bytes:
    """`{"as_of": now, "downtimes": [...]}`, see `as_json`."""
    return msgspec.json.encode({"as_of": now, "downtimes": [as_json(one, now) for one in downtimes]})


def as_json(downtime: Downtime, now: int) -> dict[str, Any]:
    """The fields of a downtime, and its `state` now. Matchers are as Prometheus writes them."""
    sets = [[str(matcher) for matcher in matchers] for matchers in downtime.matcher_sets]
    return msgspec.structs.asdict(downtime) | {"state": downtime.state(now), "matcher_sets": sets}
