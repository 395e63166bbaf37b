"""Real Alertmanagers at sites that are not as they should be: a copied database, a load balancer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from pathlib import Path

import pytest

from stratoscope.downtime.silences import disputes
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.errors import Reason
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from stratoscope.downtime.silences.silence import Silence
from support.alertmanagers import RealAlertmanager, cluster, unpacked
from support.fake_alertmanager import Records, downtime, on
from support.proxies import balancer

pytestmark = pytest.mark.integration

OLD, NEW, NEWEST = "bookworm", "trixie", "sid"
HOUR_S = 3600


@pytest.fixture(params=[OLD, *(pytest.param(one, marks=pytest.mark.full) for one in (NEW, NEWEST))])
def tools(request: pytest.FixtureRequest) -> Path:
    return unpacked(request.param)


@pytest.fixture
def two(tools: Path, tmp_path: Path) -> Iterator[Sequence[RealAlertmanager]]:
    """That do not gossip."""
    pair = [RealAlertmanager(tools, tmp_path / str(n)).start() for n in range(2)]
    yield pair
    for one in pair:
        one.stop()


def records_of(count: int) -> Records:
    begin = int(time.time()) - 60
    return Records(
        downtime(f"d{n}", begin, begin + HOUR_S, matcher_sets=(on(host=f"n{n}"),)) for n in range(count)
    )


@asynccontextmanager
async def reconcilers(url: str, *records: Records) -> AsyncIterator[Sequence[Reconciler]]:
    async with AsyncExitStack() as stack:
        found = []
        for own in records:
            client = Alertmanager(AlertmanagerSettings(name="am", urls=(url,)))
            stack.push_async_callback(client.close)
            found.append(Reconciler(client, own, own))
        yield found


async def listed(one: RealAlertmanager) -> Sequence[Silence]:
    client = Alertmanager(AlertmanagerSettings(name="am", urls=(one.url,)))
    try:
        return (await client.silences()).silences
    finally:
        await client.close()


async def run_for(seconds: float, one: Reconciler) -> None:
    task = asyncio.create_task(one.run())
    await asyncio.sleep(seconds)
    task.cancel()


async def test_a_balancer_over_two_that_do_not_gossip_gets_no_silences_without_bound(
    two: Sequence[RealAlertmanager],
) -> None:
    records = records_of(5)
    async with balancer(*(one.url for one in two)) as url, reconcilers(url, records) as (reconciler,):
        await run_for(12, reconciler)
        written = [len(await listed(one)) for one in two]
        assert sum(written) <= 4 * 5
        for _ in range(10):
            records.change("d0", end=int(time.time()) + 2 * HOUR_S)
            await reconciler.reconcile()
        assert [len(await listed(one)) for one in two] == written
        assert reconciler.report.errors[Reason.SPLIT] >= 10
        assert "do not gossip" in reconciler.report.trouble


async def test_a_balancer_over_a_cluster_is_as_good_as_one(tools: Path, tmp_path: Path) -> None:
    records = records_of(5)
    with cluster(tools, tmp_path) as pair:
        async with balancer(*(one.url for one in pair)) as url, reconcilers(url, records) as (reconciler,):
            await asyncio.sleep(3)  # until they have found each other
            await run_for(12, reconciler)
            assert (reconciler.report.trouble, reconciler.report.present) == ("", 5)
            live = [one for one in await listed(pair[0]) if one.is_live]
            assert len(live) == 5


async def test_two_with_copies_of_a_database_do_not_write_for_ever(
    two: Sequence[RealAlertmanager],
) -> None:
    records = records_of(2)
    async with reconcilers(two[0].url, records) as (first,):
        await first.reconcile()
    copied = deepcopy(records)
    async with reconcilers(two[0].url, records, copied) as (first, second):
        records.change("d0", end=int(time.time()) + 2 * HOUR_S)
        for _ in range(3 * disputes.MOST):
            await first.reconcile()
            await second.reconcile()
        seen = {one.id: one.updated_at for one in await listed(two[0])}
        for one in (first, second):
            await one.reconcile()
        assert {one.id: one.updated_at for one in await listed(two[0])} == seen
        assert sum(one.report.errors[Reason.DISPUTED] for one in (first, second)) > 0
        assert len([one for one in await listed(two[0]) if one.is_live]) == 2
