"""VMs are asked for their mirrors one by one: one that hangs costs its own, and what hangs is bounded."""

import asyncio
import threading
from collections.abc import AsyncIterator

import libvirt
import pytest

from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.mirrors import MOST_UNDER_WAY, Mirrors
from stratoscope.core.errors import CollectError, Reason
from support.fake_libvirt import FakeDaemon, FakeDomain, failure
from support.patience import FAR_S
from support.source import until

COPY = {"type": 2, "bandwidth": 0, "cur": 40, "end": 100}


class Asked:
    """Mirrors of so many domains, named by number."""

    def __init__(self, domains: int) -> None:
        self.monitors = [threading.Event() for _ in range(domains)]
        self.daemon = FakeDaemon(*map(self._domain, range(domains)))
        for monitor in self.monitors:
            monitor.set()
        self.connections = Connections("qemu:///fake", kept=5, most=20, connect=self.daemon.connect)
        self.mirrors = Mirrors(self.connections)

    def _domain(self, number: int) -> FakeDomain:
        def told() -> dict[str, int]:
            assert self.monitors[number].wait(FAR_S)
            return COPY

        return FakeDomain(str(number), calls={"blockJobInfo": told})

    async def __call__(self, within_s: float = FAR_S) -> set[int]:
        """Of which domains a job was told."""
        jobs = await self.mirrors.ask({uuid: ["vda"] for uuid in self.daemon.domains}, within_s)
        assert {(job.device, job.job, job.total, job.processed) for job in jobs} <= {("vda", "copy", 100, 40)}
        return {int(job.uuid) for job in jobs}

    @property
    def questions(self) -> int:
        return self.daemon.made.count("blockJobInfo")

    async def close(self) -> None:
        for monitor in self.monitors:
            monitor.set()
        await until(lambda: not self.mirrors._under_way)
        await self.connections.close()


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    asked = Asked(20)
    yield asked
    await asked.close()


async def test_every_vm_is_asked(asked: Asked) -> None:
    assert await asked() == set(range(20))
    assert asked.questions == 20
    assert len(asked.daemon.open) <= MOST_UNDER_WAY


async def test_no_mirror_is_no_call(asked: Asked) -> None:
    assert await asked.mirrors.ask({}, FAR_S) == []
    assert asked.daemon.made == []


async def test_vms_that_hang_cost_their_own_and_are_not_asked_again_meanwhile(asked: Asked) -> None:
    for number in (3, 7, 11):
        asked.monitors[number].clear()
    others = set(range(20)) - {3, 7, 11}
    assert await asked(0.3) == others
    assert asked.questions == 20
    assert await asked() == others, "nobody waits for those"
    assert asked.questions == 37
    for number in (3, 7, 11):
        asked.monitors[number].set()
    await until(lambda: not asked.mirrors._under_way)
    assert await asked() == set(range(20))


async def test_calls_that_hang_are_bounded_from_one_collection_to_the_next(asked: Asked) -> None:
    for monitor in asked.monitors:
        monitor.clear()
    for _ in range(3):
        with pytest.raises(CollectError) as error:
            await asked(0.05)
        assert error.value.reason is Reason.TIMEOUT
    await until(lambda: asked.questions == len(asked.mirrors._under_way) == MOST_UNDER_WAY)


async def test_vm_that_fails_costs_its_own_and_all_of_them_the_collection() -> None:
    denied = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")
    one, all_ = Asked(2), Asked(2)
    for domain in (one.daemon.domains["0"], *all_.daemon.domains.values()):
        domain.calls["blockJobInfo"] = denied
    assert await one() == {1}
    with pytest.raises(CollectError, match="no right"):
        await all_()
    await one.close()
    await all_.close()


async def test_cancelled_ask_leaves_its_calls_alone(asked: Asked) -> None:
    asked.monitors[19].clear()
    task = asyncio.create_task(asked())
    await until(lambda: asked.questions == 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: list(asked.mirrors._under_way) == ["19"])
