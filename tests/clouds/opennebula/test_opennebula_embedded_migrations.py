"""Migrations of the embedded OpenNebula: under way, and counted once when they have come."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.migrations import Migrations as Answer
from stratoscope.clouds.migrations import Outcome
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.config import Secret
from stratoscope.core.deadline import DEADLINE
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.operations import Operations
from support.demo_one import ADMIN, DemoOne, demo_one
from support.patience import FAR_S

BEGAN = 1_790_000_000.0


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[DemoOne, OpenNebula]]:
    """The cloud, and who asks it; both have one clock."""
    async with demo_one(now=BEGAN) as one:
        clock = Clock(monotonic=lambda: time.monotonic() + one.clock.now - BEGAN, now=lambda: one.clock.now)
        cloud = OpenNebula(Found("one", endpoint=one.endpoint, session=Secret(ADMIN)), clock)
        try:
            yield one, cloud
        finally:
            await cloud.close()


async def read(one: DemoOne, cloud: OpenNebula) -> Answer:
    deadline = DEADLINE.set(time.monotonic() + one.clock.now - BEGAN + FAR_S)
    try:
        found: Answer = await cloud.ask("migrations")
    finally:
        DEADLINE.reset(deadline)
    return found


def moved(one: DemoOne) -> VM:
    """A VM that has begun to migrate."""
    for vm in one.world.vms:
        if vm.vm_state == "active" and vm.task_state is None:
            vm.is_tame = True
            Operations(one.world).migrate(vm)
            if vm.id in one.world.migrations:
                return vm
    raise LookupError("no VM can be migrated")


@pytest.mark.parametrize("is_watched_on_its_way", [True, False])
async def test_a_live_migration_is_counted_once_seen_on_its_way_or_not(
    *, is_watched_on_its_way: bool
) -> None:
    async with watched() as (one, cloud):
        before = await read(one, cloud)
        one.after(90)
        vm = moved(one)
        source, target = vm.host, one.world.migrations[vm.id].target
        if is_watched_on_its_way:
            (moving,) = [its for its in (await read(one, cloud)).running if its.vm_id == str(vm.serial)]
            assert source is not None
            assert (moving.kind, moving.state) == ("live-migrate", "MIGRATE")
            assert (moving.source, moving.target) == (source.name, target.name)
            assert moving.started == int(BEGAN + 90)
        one.after(90)
        for _ in range(3):
            answer = await read(one, cloud)
            assert str(vm.serial) not in {its.vm_id for its in answer.running}
            pairs = [(its.source, its.target) for its in answer.ended]
            assert source is not None
            assert (source.name, target.name) in pairs
            counted = sum(answer.outcomes.values())
            assert counted == answer.outcomes["live-migrate", Outcome.COMPLETED]
            assert counted == len(answer.ended) - len(before.ended) >= 1
            one.after(90)
        assert sum(before.outcomes.values()) == 0
