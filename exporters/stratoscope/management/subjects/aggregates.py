"""Host aggregates and their hosts."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management"
INFO = Family(
    f"{_PREFIX}_aggregate_info",
    "The host aggregate and the availability zone that it forms, empty if it forms none; always 1.",
    labels=("cloud", "aggregate", "zone"),
)
HOSTS = Family(
    f"{_PREFIX}_aggregate_hosts",
    "Hosts in the host aggregate; absent if the source does not report them.",
    labels=("cloud", "aggregate"),
)
HOST_INFO = Family(
    f"{_PREFIX}_host_aggregate_info",
    "The host is a member of the host aggregate; always 1.",
    labels=("cloud", "host", "aggregate"),
)


class Aggregates(Subject[model.Aggregates]):
    families = (INFO, HOSTS, HOST_INFO)

    def samples(self, answer: model.Aggregates, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        for one in answer.aggregates:
            yield INFO(1, cloud.plus(aggregate=one.name, zone=one.zone))
            if one.hosts is not None:
                yield HOSTS(len(one.hosts), cloud.plus(aggregate=one.name))
            for host in one.hosts or ():
                yield HOST_INFO(1, cloud.plus(host=host, aggregate=one.name))
