"""Downtimes as JSON, as the API shows them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from stratoscope.downtime.model import Downtime
from stratoscope.downtime.shown_json import DowntimesShown, as_json

CONTENT_TYPE: Final = "application/json"


def json_feed(downtimes: Iterable[Downtime], now: int) -> bytes:
    """`{"as_of": now, "downtimes": [...]}`, see `as_json`."""
    return msgspec.json.encode(DowntimesShown(now, tuple(as_json(one, now) for one in downtimes)))
