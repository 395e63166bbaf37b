"""The downtimes of a cloud's hosts follow its services."""

import logging
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import HostServices, Service, Services
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.hosts_off import collector
from stratoscope.downtime.hosts_off.collector import HostsOff
from stratoscope.downtime.model import DAY_S, Downtime
from support.pages import promtool_findings, rendered

NOW = 1_800_000_000
DOWN = Service(
    "compute", "nova-compute", "n1", "az1", is_up=False, is_enabled=False, reason="saves power",
    heartbeat=NOW - 900.0, is_forced_down=False, runs_vms=True,
)  # fmt: skip


class FakeCloud:
    """Answers the question of its services, or fails."""

    cloud = "uni"
    budget: Any = None
    questions: ClassVar[Sequence[Question]] = [
        Question(name=name, answer=answer, every=Every(60, 30, 180), cost="1", role="admin")
        for name, answer in (("network_agents", Services), ("compute_services", HostServices))
    ]

    def __init__(self) -> None:
        self.services: tuple[Service, ...] | Exception = (DOWN,)

    async def ask(self, name: str) -> HostServices:
        assert name == "compute_services"
        if isinstance(self.services, Exception):
            raise self.services
        return HostServices(self.services, malformed=1)

    async def close(self) -> None: ...


class Site:
    """A collector at its cloud, with a clock."""

    def __init__(self, store: Store) -> None:
        self.now, self.cloud, self.store = NOW, FakeCloud(), store
        self.wakes = 0
        self.hosts_off = HostsOff(
            self.cloud, self.store, 7 * DAY_S, changed=self.woken, clock=lambda: self.now + 0.5
        )

    def woken(self) -> None:
        self.wakes += 1

    async def downtimes(self) -> Sequence[Downtime]:
        return await self.store.newest("cloud:uni", self.now)

    async def page(self) -> str:
        found = await self.hosts_off.fetch()
        assert self.hosts_off.malformed(found) == 1
        return rendered(self.hosts_off.samples(found), self.hosts_off.families)


async def test_a_host_whose_name_cannot_be_printed_is_malformed_and_costs_no_other(store: Store) -> None:
    site = Site(store)
    site.cloud.services = (replace(DOWN, host="n\x001"), DOWN)
    found = await site.hosts_off.fetch()
    assert (site.hosts_off.malformed(found), [one.host for one in found.disabled]) == (2, ["n1"])


async def test_a_host_is_off_until_it_is_back(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site = Site(store)
    page = await site.page()
    assert 'stratoscope_downtime_host_off{cloud="uni",host="n1"} 1' in page
    assert promtool_findings(page) == ""
    await site.page()
    assert site.wakes == 1
    site.now += 3600
    site.cloud.services = (replace(DOWN, is_up=True, is_enabled=True),)
    assert "host_off{" not in await site.page()
    (downtime,) = await site.downtimes()
    assert (downtime.start, downtime.end) == (NOW, NOW + 3600)
    assert site.wakes == 2
    # Of its own logger alone: what a thread of another test still says at this level is none of its lines.
    said = [record.getMessage() for record in caplog.records if record.name == collector.__name__]
    assert said == [
        "host downtime begins cloud=uni title='n1 switched off: saves power'",
        f"host downtime ends cloud=uni downtime={downtime.id}",
    ]


async def test_a_host_that_goes_on_is_at_risk(store: Store) -> None:
    site = Site(store)
    site.cloud.services = (replace(DOWN, is_up=True),)
    page = await site.page()
    assert 'stratoscope_downtime_host_at_risk{cloud="uni",host="n1"} 1' in page
    assert "host_off{" not in page


async def test_a_process_that_does_not_lead_shows_hosts_and_files_nothing(store: Store) -> None:
    site = Site(store)
    site.hosts_off = HostsOff(site.cloud, store, 7 * DAY_S, leads=lambda: False)
    assert 'stratoscope_downtime_host_off{cloud="uni",host="n1"} 1' in await site.page()
    assert await site.downtimes() == ()


async def test_what_a_person_ended_is_not_filed_again_while_the_host_stays_off(store: Store) -> None:
    site = Site(store)
    await site.page()
    (one,) = await site.downtimes()
    site.now += 3600
    ended = await store.end_now(one.id, who="alice", now=site.now)
    site.now += 60
    await site.page()
    assert await site.downtimes() == (ended,)
    site.cloud.services = (replace(DOWN, heartbeat=site.now - 5.0),)
    await site.page()
    (again,) = await site.downtimes()
    assert (again.id != one.id, again.start) == (True, site.now)


async def test_a_source_that_fails_changes_nothing(store: Store) -> None:
    site = Site(store)
    await site.page()
    before = await site.downtimes()
    site.cloud.services = CollectError(Reason.TIMEOUT, "no answer")
    with pytest.raises(CollectError):
        await site.hosts_off.fetch()
    assert await site.downtimes() == before


async def test_a_host_that_is_off_beyond_the_cap_is_shown_as_such(store: Store) -> None:
    site = Site(store)
    for hours in range(0, 7 * 24 + 1, 6):
        site.now = NOW + hours * 3600
        page = await site.page()
        assert ("too_long{" in page) is (hours == 7 * 24)
    (downtime,) = await site.downtimes()
    assert downtime.end == NOW + 7 * DAY_S
