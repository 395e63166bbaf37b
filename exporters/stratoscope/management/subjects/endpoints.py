"""API endpoints: whether they answer, and how quickly."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Distribution, Family, Histogram, Labels, Sample
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management_endpoint"
_LABELS: Final = ("cloud", "service")
UP = Family(
    f"{_PREFIX}_up",
    "1 if the service itself answered in time at its endpoint; 0 if nothing did, if another server did, or "
    "with an HTTP status of 500 or more; absent while no request can be sent, since the budget is used up or "
    "the service is paused after a 429.",
    labels=_LABELS,
)
LATENCY = Histogram(
    f"{_PREFIX}_latency_seconds",
    "Duration of answered requests for the endpoint's version document (oned: a call without a user), in "
    "seconds.",
    labels=_LABELS,
    bounds=model.LATENCY_BOUNDS,
)


class Endpoints(Subject[model.Endpoints]):
    families = (UP, LATENCY)

    def samples(self, answer: model.Endpoints, /) -> Iterable[Sample]:
        for one in answer.endpoints:
            labels = Labels(cloud=self._cloud, service=one.service)
            if one.is_up is not None:
                yield UP(int(one.is_up), labels)
            *counts, count = one.counts
            yield LATENCY(Distribution(tuple(counts), count, one.seconds), labels)
