"""Opens the clouds of the configuration, and makes a collector for each question."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import msgspec

from stratoscope.clouds import (
    address_pools,
    disagreements,
    flavors,
    migrations,
    model,
    objects,
    owners,
    usage,
)
from stratoscope.clouds.abilities import Management, Question
from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.registry import kind
from stratoscope.core.collector import Absent, Collections, Collector
from stratoscope.core.errors import LeftOut
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.core.planner import Planner
from stratoscope.management import PROGRAM
from stratoscope.management.collector import QuestionCollector
from stratoscope.management.events import EventsCollector
from stratoscope.management.resources.handle import ROUTES, Listed, Watched
from stratoscope.management.settings import Settings, parse
from stratoscope.management.subject import Bounds, Subject
from stratoscope.management.subjects.aggregates import Aggregates
from stratoscope.management.subjects.allocations import Allocations
from stratoscope.management.subjects.backends import Backends
from stratoscope.management.subjects.capacity import Capacity
from stratoscope.management.subjects.each import Each
from stratoscope.management.subjects.endpoints import Endpoints
from stratoscope.management.subjects.flavors import Flavors
from stratoscope.management.subjects.hosts import Hosts
from stratoscope.management.subjects.images import Images
from stratoscope.management.subjects.inventories import Inventories
from stratoscope.management.subjects.migrations import Migrations
from stratoscope.management.subjects.objects import Objects
from stratoscope.management.subjects.other_services import OtherServices
from stratoscope.management.subjects.pools import Pools
from stratoscope.management.subjects.projects import Projects
from stratoscope.management.subjects.quotas import Quotas
from stratoscope.management.subjects.services import HostServices, Services
from stratoscope.management.subjects.usage import HostUsages
from stratoscope.management.subjects.vms import VMs

SUBJECTS: Final[Mapping[type[Any], type[Subject[Any]]]] = {
    model.Endpoints: Endpoints,
    model.Services: Services,
    model.HostServices: HostServices,
    model.Hosts: Hosts,
    model.Inventories: Inventories,
    disagreements.Allocations: Allocations,
    model.Aggregates: Aggregates,
    flavors.Flavors: Flavors,
    flavors.Capacity: Capacity,
    model.VMs: VMs,
    migrations.Migrations: Migrations,
    owners.Projects: Projects,
    owners.Quotas: Quotas,
    address_pools.Pools: Pools,
    model.Objects: Objects,
    model.Images: Images,
    model.Backends: Backends,
    model.OtherService: OtherServices,
    usage.HostUsages: HostUsages,
    objects.Each: Each,
}
"""The subject of each class of answers."""


def _parts(settings: Settings, _: Site) -> Iterator[Part]:
    """A part per cloud; its budget, and how much is named, can be changed while it is open."""
    planner = settings.planner()
    for entry in settings.clouds:
        yield Part(
            name=f"{entry.name}/{entry.kind}",
            identity=msgspec.structs.replace(entry, budget=Limits()),
            open=partial(_open, entry),
            collections=partial(_collections, planner, entry.budget, settings.management.show),
        )


@asynccontextmanager
async def _open(entry: Any) -> AsyncIterator[Opened]:
    cloud: Management = kind(entry.kind).opened(entry)
    listens = [Task(f"events {entry.name}/{entry.kind}", cloud.listen)] if cloud.events is not None else []
    try:
        questions = [(one, _collector(one, cloud)) for one in cloud.questions]
        collectors = [*_accounts(cloud), *(collector for _, collector in questions)]
        lists = {one.lists.kind: Listed(one.lists, collector) for one, collector in questions if one.lists}
        yield Opened(collectors, listens, value=Watched(cloud, lists))
    finally:
        await cloud.close()


def _collections(planner: Planner, limits: Limits, bounds: Bounds, opened: Opened) -> Collections:
    cloud: Management = opened.value.cloud
    cloud.budget.limits = limits
    for collector in opened.collectors:
        if isinstance(collector, QuestionCollector):
            collector.bounds = bounds
    no_events = Absent(EventsCollector.name, LeftOut.NOT_CONFIGURED, cloud.cloud)
    return planner.collections(opened.collectors, () if cloud.events is not None else (no_events,))


def _accounts(cloud: Management) -> Iterator[Collector[Any]]:
    yield Requests(cloud.cloud, cloud.budget)
    if cloud.events is not None:
        yield EventsCollector(cloud.cloud, cloud.events)


def _collector(question: Question, cloud: Management) -> QuestionCollector:
    collector = QuestionCollector(question, cloud, SUBJECTS[question.answer](cloud.cloud))
    if cloud.events is not None and question.answer is model.VMs:
        collector.news = cloud.events.news
    return collector


EXPORTER: Final = Exporter(program=PROGRAM, parse=parse, parts=_parts, routes=ROUTES)
