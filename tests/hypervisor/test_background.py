"""Storage pools, networks, jobs and halt-poll times."""

from typing import Any

import pytest

from stratoscope.clouds.libvirt.model import BlockJob, Job, Network, Pool
from stratoscope.core.collector import Collector
from stratoscope.hypervisor.collectors.background import HaltPoll, Jobs, Networks, Pools
from stratoscope.hypervisor.collectors.block_jobs import BlockJobs, Mirrors
from support.golden import assert_golden
from support.libvirt_hosts import FakeHost, fetched, listed
from support.pages import promtool_findings, rendered
from support.vms import uuid

KINDS = (Pools, Networks, Jobs, HaltPoll, Mirrors, BlockJobs)


async def page(collector: Collector[Any]) -> str:
    return rendered(collector.samples(await fetched(collector)), collector.families)


def busy_host() -> FakeHost:
    return FakeHost(
        domains=[listed(1), listed(6, name="one-77")],
        its_pools=[
            Pool("default", "running", 1000, 400, 600),
            Pool("old", "inactive", None, None, None),
            Pool("odd", "unknown_7", None, None, None),
        ],
        its_networks=[Network("lab", "virbr0", True, True), Network("ovs", "", False, False)],
        its_jobs=[
            Job(uuid(1), "migration_out", 12.5, 30.0, 0.25, 1 << 30, 1 << 29, 1 << 29),
            Job(uuid(6), "backup", 3.0, None, None, 1000, 400, None),
        ],
        its_mirrors=[BlockJob(uuid(1), "vda", "copy", 1000, 400, 0)],
        its_block_jobs=[BlockJob(uuid(6), "vdb", "pull", 2000, 2000, 1 << 20)],
        its_halt_poll={
            uuid(1): {"cpu.haltpoll.success.time": 1_500_000_000, "cpu.haltpoll.fail.time": 0},
            uuid(6): {"cpu.time": 1},
        },
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_golden_page(kind: type[Any]) -> None:
    host = busy_host()
    await host.listing(frozenset())
    shown = await page(kind(host.as_host))
    assert_golden(f"hypervisor_{kind.offer.name}.prom", shown)
    assert promtool_findings(shown) == ""


@pytest.mark.parametrize("kind", KINDS)
async def test_host_with_none_has_no_series(kind: type[Any]) -> None:
    assert await page(kind(FakeHost().as_host)) == ""


@pytest.mark.parametrize("kind", KINDS[2:])
async def test_domain_that_was_not_listed_yet_is_left_out_rather_than_given_a_wrong_id(
    kind: type[Any],
) -> None:
    assert await page(kind(busy_host().as_host)) == ""


async def test_pools_of_two_uris_differ() -> None:
    qemu, lxc = busy_host(), busy_host()
    lxc.uri = "lxc:///system"
    pages = [set((await page(Pools(host.as_host))).splitlines()) for host in (qemu, lxc)]
    assert not any(line for line in pages[0] & pages[1] if not line.startswith("#"))


def test_one_of_several_uris_bears_a_tag_and_is_chosen_by_its_kind_as_well() -> None:
    pools = Pools(FakeHost(tag="lxc").as_host)
    assert pools.name == "pools_lxc"
    assert pools.subjects == {"pools": pools.families}


def test_block_jobs_of_several_uris_are_told_apart() -> None:
    mirrors = Mirrors(FakeHost(tag="xen").as_host)
    assert (mirrors.name, mirrors.subjects) == ("mirrors_xen", {"mirrors": mirrors.families})
