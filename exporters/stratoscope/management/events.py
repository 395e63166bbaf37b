"""The collector of a cloud's events. Source: what was counted when they arrived; no request is made."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.events import Events, Heard
from stratoscope.core.collector import Collector, Offer, OnScrape
from stratoscope.core.metrics import Family, Labels, Sample

_PREFIX: Final = "stratoscope_management_events"
_CLOUD: Final = ("cloud",)
EVENTS = Family(
    f"{_PREFIX}_total",
    "Events by name, as the source spells it (`other` for those that are not known), and outcome: applied, "
    "asked (it lacks values, so a list of changes is requested), late (what is known is newer), "
    "ignored (nothing shown depends on it), malformed.",
    labels=(*_CLOUD, "event", "outcome"),
)
UP = Family(
    f"{_PREFIX}_up",
    "1 while events arrive, so that lists are read every 10 minutes; 0 while they do not.",
    labels=_CLOUD,
)
LOST = Family(
    f"{_PREFIX}_lost",
    "1 with the reason why events do not arrive; absent while they do.",
    labels=(*_CLOUD, "reason"),
)
LAST = Family(
    f"{_PREFIX}_last_timestamp_seconds",
    "Unix time at which the last event arrived; absent before the first.",
    labels=_CLOUD,
)
MISSED = Family(
    f"{_PREFIX}_missed_total",
    "VMs that a list shows as added, changed or removed, and of which no event reported that within 30 s; "
    "counted while events arrive.",
    labels=(*_CLOUD, "change"),
)


class EventsCollector(Collector[Heard]):
    """The account of one cloud's events."""

    offer = Offer("events", OnScrape(5))
    name = offer.name
    families = (EVENTS, UP, LOST, LAST, MISSED)

    def __init__(self, cloud: str, events: Events) -> None:
        self.cloud = cloud
        self._events, self._labels = events, Labels(cloud=cloud)

    async def fetch(self) -> Heard:
        return self._events.account()

    def samples(self, data: Heard, /) -> Iterable[Sample]:
        for (event, outcome), number in data.counts.items():
            yield EVENTS(number, self._labels.plus(event=event, outcome=outcome))
        yield UP(int(data.is_up), self._labels)
        if data.lost is not None:
            yield LOST(1, self._labels.plus(reason=data.lost))
        if data.last is not None:
            yield LAST(data.last, self._labels)
        for change, number in data.missed.items():
            yield MISSED(number, self._labels.plus(change=change))
