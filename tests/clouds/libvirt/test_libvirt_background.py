"""Storage pools, networks and jobs: as the real test driver has them, and in trouble."""

from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from stratoscope.clouds.libvirt.background import jobs, networks, storage_pools
from stratoscope.clouds.libvirt.connection import Connection, connect
from stratoscope.clouds.libvirt.model import Job, Network, Pool
from support.fake_libvirt import FakeDaemon, FakeDomain, failure

GONE = failure(libvirt.VIR_ERR_NO_STORAGE_POOL)
DENIED = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")


@pytest.fixture
def real() -> Iterator[Connection]:
    connection = connect("test:///default")
    yield connection
    connection.close()


def pool(name: str, *info: int) -> dict[str, Any]:
    return {"name": name, "info": list(info)}


def network(
    name: str, bridge: object = "virbr0", *, active: int = 1, autostart: object = 1
) -> dict[str, Any]:
    return {"name": name, "bridgeName": bridge, "isActive": active, "autostart": autostart}


def pools_of(*pools: dict[str, Any]) -> list[Pool]:
    daemon = FakeDaemon()
    daemon.pools = list(pools)
    return storage_pools(daemon.connect(""))


def networks_of(*of: dict[str, Any]) -> list[Network]:
    daemon = FakeDaemon()
    daemon.networks = list(of)
    return networks(daemon.connect(""))


def test_real_pools_and_networks_are_read(real: Connection) -> None:
    (pool,) = storage_pools(real)
    assert (pool.name, pool.state) == ("default-pool", "running")
    assert pool.capacity is not None
    assert pool.allocation is not None
    assert pool.available is not None
    assert networks(real) == [Network("default", "virbr0", is_active=True, starts_by_itself=False)]


def test_a_pool_that_is_not_active_has_no_sizes() -> None:
    assert pools_of(pool("images", 2, 100, 60, 40), pool("backup", 0, 0, 0, 0)) == [
        Pool("images", "running", 100, 60, 40),
        Pool("backup", "inactive", None, None, None),
    ]


def test_a_pool_state_that_nobody_knows_is_shown_by_number() -> None:
    assert [one.state for one in pools_of(pool("a", 9, 1, 1, 0), pool("b", -1, 1, 1, 0))] == [
        "unknown_9",
        "unknown_-1",
    ]


def test_a_pool_that_went_away_meanwhile_is_left_out() -> None:
    assert pools_of(pool("a", 2, 1, 1, 0), {"name": "b", "info": GONE}) == [Pool("a", "running", 1, 1, 0)]
    assert pools_of({"name": "b", "info": GONE}) == []


def test_a_pool_that_cannot_be_read_costs_itself_and_if_none_can_it_is_an_error() -> None:
    assert [one.name for one in pools_of({"name": "a", "info": DENIED}, pool("b", 2, 1, 1, 0))] == ["b"]
    with pytest.raises(libvirt.libvirtError, match="no right"):
        pools_of({"name": "a", "info": DENIED})


def test_a_network_without_a_bridge_is_shown_without() -> None:
    none = failure(libvirt.VIR_ERR_INTERNAL_ERROR, "network 'a' does not have a bridge name.")
    assert networks_of(network("a", none, active=0, autostart=0)) == [
        Network("a", "", is_active=False, starts_by_itself=False)
    ]


def test_a_network_that_went_away_meanwhile_is_left_out() -> None:
    gone = failure(libvirt.VIR_ERR_NO_NETWORK)
    both = networks_of(network("a", gone), network("b"), network("c", autostart=gone))
    assert [one.name for one in both] == ["b"]


@pytest.mark.parametrize("call", ["listAllStoragePools", "listAllNetworks", "listAllDomains"])
def test_a_driver_without_such_objects_has_none(call: str) -> None:
    daemon = FakeDaemon()
    daemon.broken[call] = failure(libvirt.VIR_ERR_NO_SUPPORT)
    read = {"listAllStoragePools": storage_pools, "listAllNetworks": networks, "listAllDomains": jobs}[call]
    arguments = ((), 5) if read is jobs else ()
    assert read(daemon.connect(""), *arguments) == []


def test_a_list_that_nobody_may_see_is_an_error() -> None:
    daemon = FakeDaemon()
    daemon.broken["listAllStoragePools"] = DENIED
    with pytest.raises(libvirt.libvirtError, match="no right"):
        storage_pools(daemon.connect(""))


def test_a_daemon_that_dies_is_an_error() -> None:
    daemon = FakeDaemon()

    def lost() -> None:
        daemon.die()
        raise failure(libvirt.VIR_ERR_RPC, "lost")

    daemon.pools = [pool("a", 2, 1, 1, 0), {"name": "b", "info": lost}]
    with pytest.raises(libvirt.libvirtError, match="lost"):
        storage_pools(daemon.connect(""))


def working(uuid: str, stats: object, domain_id: int = 1) -> FakeDomain:
    return FakeDomain(uuid, domain_id=domain_id, calls={"jobStats": stats})


def test_jobs_that_run_are_in_seconds_and_bytes() -> None:
    daemon = FakeDaemon(
        working("a", {"type": libvirt.VIR_DOMAIN_JOB_NONE}),
        working("b", {}),
        working(
            "c",
            {
                "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
                "operation": 5,
                "time_elapsed": 1500,
                "downtime": 250,
                "data_total": 100,
                "data_processed": 40,
                "data_remaining": 60,
            },
        ),
        working("off", {"type": libvirt.VIR_DOMAIN_JOB_BOUNDED}, domain_id=-1),
    )
    assert jobs(daemon.connect(""), (), 5) == [Job("c", "migration_out", 1.5, None, 0.25, 100, 40, 60)]


def test_a_domain_whose_monitor_hangs_is_not_asked_for_its_job() -> None:
    running = {"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "operation": 5}
    daemon = FakeDaemon(working("hung", running), working("b", running))
    assert [job.uuid for job in jobs(daemon.connect(""), {"hung"}, 5)] == ["b"]


def test_jobs_that_cannot_be_read_in_time_are_left_out() -> None:
    daemon = FakeDaemon(working("a", {"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "operation": 5}))
    assert jobs(daemon.connect(""), (), -1) == []


def test_a_backup_moves_disks_alone() -> None:
    daemon = FakeDaemon(
        working(
            "a",
            {
                "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
                "operation": 9,
                "disk_total": 100,
                "disk_processed": 40,
                "disk_remaining": 60,
            },
        )
    )
    assert jobs(daemon.connect(""), (), 5) == [Job("a", "backup", None, None, None, 100, 40, 60)]


def test_a_domain_whose_job_cannot_be_read_costs_itself() -> None:
    timeout = failure(libvirt.VIR_ERR_OPERATION_TIMEOUT, "cannot acquire state change lock")
    daemon = FakeDaemon(working("a", timeout), working("b", {"type": 1, "operation": 9}))
    assert [job.operation for job in jobs(daemon.connect(""), (), 5)] == ["backup"]


def test_a_driver_without_jobs_is_asked_once() -> None:
    daemon = FakeDaemon(*(working(uuid, failure(libvirt.VIR_ERR_NO_SUPPORT)) for uuid in "ab"))
    connection = daemon.connect("")
    assert jobs(connection, (), 5) == []
    daemon.made.clear()
    assert jobs(connection, (), 5) == []
    assert daemon.made == []


def test_the_real_test_driver_has_no_jobs(real: Connection) -> None:
    assert jobs(real, (), 5) == []
