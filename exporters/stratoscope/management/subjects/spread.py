"""Progress of collectors that read item by item over many refreshes; used by subjects."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.model import Spread
from stratoscope.core.metrics import Family, Labels, Sample

_PREFIX: Final = "stratoscope_management_spread"
_LABELS: Final = ("cloud", "collector")
ITEMS = Family(
    f"{_PREFIX}_items",
    "Items (resource providers, projects ...) that the collector reads one by one, a few at each refresh.",
    labels=_LABELS,
)
KNOWN = Family(
    f"{_PREFIX}_known_items",
    "Items that the collector has read and shows, of those that it reads one by one.",
    labels=_LABELS,
)
OLDEST = Family(
    f"{_PREFIX}_oldest_timestamp_seconds",
    "Unix time at which the item with the oldest data was read or found unchanged; absent before the first "
    "read.",
    labels=_LABELS,
)
RATE = Family(
    f"{_PREFIX}_requests_per_second",
    "Limit on the requests per second with which the collector reads its items one by one.",
    labels=_LABELS,
)
FAMILIES: Final = (ITEMS, KNOWN, OLDEST, RATE)


def spread_samples(spread: Spread, cloud: Labels) -> Iterable[Sample]:
    """The samples of all four families. Args: cloud: Labels(cloud)."""
    labels = cloud.plus(collector=spread.collector)
    yield ITEMS(spread.items, labels)
    yield KNOWN(spread.known, labels)
    if spread.oldest is not None:
        yield OLDEST(spread.oldest, labels)
    yield RATE(spread.per_second, labels)
