"""Opens the clouds that have probes, and runs these probes."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from stratoscope.clouds.client.clock import CLOCK
from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.registry import kind
from stratoscope.core.collector import Collections, Collector
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.vmprobe import PROGRAM
from stratoscope.vmprobe.collector import Probes
from stratoscope.vmprobe.hosts import Hosts
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.limits import Ceilings
from stratoscope.vmprobe.online import check_online
from stratoscope.vmprobe.pause_url import PauseUrl
from stratoscope.vmprobe.prober import Prober
from stratoscope.vmprobe.probing import Shared
from stratoscope.vmprobe.records import Records
from stratoscope.vmprobe.routes import ROUTES, guard
from stratoscope.vmprobe.settings import Settings, parse
from stratoscope.vmprobe.sweep import Sweep


def _parts(settings: Settings, site: Site) -> Iterator[Part]:
    """A part per cloud with probes. All but its credentials, the tag and the buckets can be changed while it
    is open.
    """
    for entry in settings.clouds:
        name = f"{entry.name}/{entry.kind}"
        own = [one for one in settings.credentials if (one.name, one.kind) == (entry.name, entry.kind)]
        yield Part(
            name=name,
            identity=(
                [_without_budget(one) for one in (entry, *own)],
                settings.vmprobe.tag,
                settings.vmprobe.bounds,
            ),
            open=partial(_open, entry, settings, site),
            collections=partial(_collections, entry, settings),
        )


def _without_budget(entry: Any) -> Any:
    """An entry as far as a change of it needs the cloud opened anew."""
    return replace(entry, budget=Limits()) if hasattr(entry, "budget") else entry


@asynccontextmanager
async def _open(entry: Any, settings: Settings, site: Site) -> AsyncIterator[Opened]:
    """Opens no file: the ledger is opened by the prober's task, since its predecessor may have it open."""
    if site.storage is None:
        raise ValueError("this exporter keeps state")
    name = f"{entry.name}/{entry.kind}"
    of_kind = kind(entry.kind)
    cloud = of_kind.opened_to_create(entry)
    ledger = Ledger(site.storage, name)
    pause_url = PauseUrl(entry.name, Http("pause_url", ssl.create_default_context(), largest=1 << 16))
    sweep = Sweep(ledger, settings.vmprobe.tag)
    shared = Shared(
        cloud=entry.name,
        tag=settings.vmprobe.tag,
        bounds=settings.vmprobe.bounds,
        budget=cloud.budget,
        records=Records(ledger, entry.name),
        ceilings=Ceilings(ledger, sweep, settings.vmprobe.limits),
        pause_url=pause_url,
        hosts=Hosts(entry.name, CLOCK),
        clock=CLOCK,
    )
    prober = Prober(shared, ledger, sweep, partial(of_kind.lifecycle, cloud))
    collectors: list[Collector[Any]] = [Probes(prober)]
    if cloud.budget is not None:
        collectors.insert(0, Requests(entry.name, cloud.budget))
    try:
        yield Opened(collectors, [Task(f"prober {name}", prober.run)], value=prober)
    finally:
        await pause_url.close()
        await ledger.close()
        await cloud.close()


def _collections(entry: Any, settings: Settings, opened: Opened) -> Collections:
    prober: Prober = opened.value
    own = settings.vmprobe
    prober.shared.ceilings.settings = own.limits
    prober.shared.pause_url.change(own.pause_url, own.pause_token_file)
    prober.probe_endpoint = own.probe_endpoint
    prober.change(settings.of(entry))
    if prober.shared.budget is not None:
        prober.shared.budget.limits = entry.budget
    return settings.planner().collections(opened.collectors, ())


EXPORTER: Final = Exporter(
    program=PROGRAM,
    parse=parse,
    parts=_parts,
    routes=ROUTES,
    templates="stratoscope.vmprobe",
    guard=lambda settings: guard(settings.vmprobe.operators),
    check_online=check_online,
)
