"""Opens the database and all that keeps in step with it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.registry import kind
from stratoscope.core.collector import Collector
from stratoscope.core.errors import ConfigError
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.core.web.asking.settings import Guard
from stratoscope.downtime import PROGRAM, zones
from stratoscope.downtime.collector import Downtimes
from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.editing import ADMIN
from stratoscope.downtime.feeds import settings as feeds
from stratoscope.downtime.feeds.documents import Documents
from stratoscope.downtime.hosts_off.collector import HostsOff
from stratoscope.downtime.imports import fetch
from stratoscope.downtime.imports.importer import Importer
from stratoscope.downtime.keeper import Keeper
from stratoscope.downtime.notices import Notices
from stratoscope.downtime.others import Others
from stratoscope.downtime.routes import ROUTES
from stratoscope.downtime.serving import PART, Service
from stratoscope.downtime.settings import KEY, Settings, parse
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.clusters import Clusters
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.settings import AlertmanagerSettings


def _parts(settings: Settings, site: Site) -> Iterator[Part]:
    """One part, since all of it works on the database: a change of its settings opens it anew."""
    yield Part(
        name=PART,
        identity=settings,
        open=partial(_open, settings, site),
        collections=lambda found: settings.planner().collections(found.collectors, ()),
    )


@asynccontextmanager
async def _open(settings: Settings, site: Site) -> AsyncIterator[Opened]:
    """Raises ConfigError: The database cannot be used."""
    if site.storage is None:
        raise ValueError("this exporter keeps state")
    cap_s = int(settings.own.hosts_off.cap)
    notices = Notices(settings.own.notice, cap_s)
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened(settings.address(site.storage)))
        except StoreError as error:
            raise ConfigError(str(error)) from error

        def leads() -> bool:
            return store.leadership.is_leader

        alertmanagers = [_alertmanager(stack, one) for one in settings.alertmanagers]
        clusters = Clusters([one.name for one in alertmanagers])
        reconcilers = [_reconciler(settings, store, one, clusters) for one in alertmanagers]

        def changed() -> None:
            for one in reconcilers:
                one.wake()

        importers = [
            Importer(
                one, await stack.enter_async_context(fetch.opened(one)), store, store.records,
                labels=settings.own.labels, changed=changed, leads=leads,
            )
            for one in settings.imports
        ]  # fmt: skip
        keeper = Keeper(store, changed, notices, sources=[one.source for one in settings.imports])
        collectors: list[Collector[Any]] = [
            Downtimes(store, reconcilers, importers, keeper=keeper, notices=notices)
        ]
        for entry in settings.clouds:
            cloud = kind(entry.kind).opened(entry)
            stack.push_async_callback(cloud.close)
            collectors += [
                Requests(cloud.cloud, cloud.budget),
                HostsOff(cloud, store, cap_s, changed=changed, leads=leads),
            ]
        tasks = [
            Task("leadership", store.leadership.run),
            Task("keeper", keeper.run),
            *([Task("others", Others(store, changed).run)] if settings.own.database else []),
            *(one.task() for one in reconcilers),
            *(one.task for one in importers),
        ]
        documents = Documents()
        stack.push_async_callback(documents.close)
        service = Service(
            store, settings.own.labels, changed,
            url=settings.own.url.rstrip("/"), feeds=feeds.by_hash(settings.own.feeds), documents=documents,
            clouds=settings.cloud_names, hosts_cap_s=cap_s,
            zone=zones.of_this_machine(), alertmanagers=alertmanagers,
            silences=lambda: [one.report for one in reconcilers],
            imports=lambda: [one.report for one in importers],
        )  # fmt: skip
        yield Opened(collectors, tasks, service)


def _alertmanager(stack: AsyncExitStack, one: AlertmanagerSettings) -> Alertmanager:
    client = Alertmanager(one)
    stack.push_async_callback(client.close)
    return client


def _reconciler(settings: Settings, store: Store, client: Alertmanager, clusters: Clusters) -> Reconciler:
    return Reconciler(
        client, store, store.records, base_url=settings.own.url, is_dry_run=settings.own.dry_run,
        clusters=clusters, leads=lambda: store.leadership.is_leader,
    )  # fmt: skip


def _guard(settings: Settings) -> Guard:
    published = f"{KEY}.url" if settings.is_published else ""
    return Guard(settings.own.access, published=published, managers=(ADMIN,))


EXPORTER: Final = Exporter(
    program=PROGRAM,
    parse=parse,
    parts=_parts,
    routes=ROUTES,
    templates="stratoscope.downtime",
    guard=_guard,
)
