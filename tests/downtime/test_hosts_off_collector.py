"""The downtimes of a cloud's hosts follow its services."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import HostServices, Service, Services
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.hosts_off.collector import HostsOff
from stratoscope.downtime.hosts_off.plan import Filed
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


class FakeStore:
    """Downtimes in memory."""

    def __init__(self) -> None:
        self.downtimes: dict[str, Downtime] = {}

    async def newest_of_source(self, source: str) -> Sequence[Downtime]:
        assert source == "cloud:uni"
        return [*self.downtimes.values()]

    async def apply_host_plan(
        self, source: str, file: Sequence[Filed], extend: Mapping[str, int], end: Sequence[str], now: int
    ) -> None:
        for one in file:
            self.downtimes[one.external_id] = Downtime(
                id=one.external_id, title=one.title, text=one.text, severity=one.severity, start=one.start,
                end=one.end, matcher_sets=(one.matchers,), silences=one.silences, author=source,
                source=source, external_id=one.external_id, created_at=now, changed_at=now,
            )  # fmt: skip
        for key, moment in (*extend.items(), *((one, now) for one in end)):
            self.downtimes[key] = replace(self.downtimes[key], end=moment)


class Site:
    """A collector at its cloud, with a clock."""

    def __init__(self) -> None:
        self.now, self.cloud, self.store = NOW, FakeCloud(), FakeStore()
        self.hosts_off = HostsOff(self.cloud, self.store, 7 * DAY_S, clock=lambda: self.now + 0.5)

    async def page(self) -> str:
        found = await self.hosts_off.fetch()
        assert self.hosts_off.malformed(found) == 1
        return rendered(self.hosts_off.samples(found), self.hosts_off.families)


async def test_a_host_is_off_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site = Site()
    page = await site.page()
    assert 'stratoscope_downtime_host_off{cloud="uni",host="n1"} 1' in page
    assert promtool_findings(page) == ""
    site.now += 3600
    site.cloud.services = (replace(DOWN, is_up=True, is_enabled=True),)
    assert "host_off{" not in await site.page()
    (downtime,) = site.store.downtimes.values()
    assert (downtime.start, downtime.end) == (NOW, NOW + 3600)
    assert [record.message for record in caplog.records] == [
        "host downtime begins cloud=uni title='n1 switched off: saves power'",
        "host downtime ends cloud=uni downtime=off: n1",
    ]


async def test_a_host_that_goes_on_is_at_risk() -> None:
    site = Site()
    site.cloud.services = (replace(DOWN, is_up=True),)
    page = await site.page()
    assert 'stratoscope_downtime_host_at_risk{cloud="uni",host="n1"} 1' in page
    assert "host_off{" not in page


async def test_a_source_that_fails_changes_nothing() -> None:
    site = Site()
    await site.page()
    before = dict(site.store.downtimes)
    site.cloud.services = CollectError(Reason.TIMEOUT, "no answer")
    with pytest.raises(CollectError):
        await site.hosts_off.fetch()
    assert site.store.downtimes == before


async def test_a_host_that_is_off_beyond_the_cap_is_shown_as_such() -> None:
    site = Site()
    for hours in range(0, 7 * 24 + 1, 6):
        site.now = NOW + hours * 3600
        page = await site.page()
        assert ("too_long{" in page) is (hours == 7 * 24)
    (downtime,) = site.store.downtimes.values()
    assert downtime.end == NOW + 7 * DAY_S
