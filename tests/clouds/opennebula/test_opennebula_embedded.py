"""All questions to the embedded OpenNebula, and whether their answers agree with what it has."""

import time
from collections import Counter
from typing import Any

import pytest

from demo.worlds import live
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.flavors import Capacity
from stratoscope.clouds.objects import Each
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.config import Secret
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import LeftOutError
from stratoscope.demo.opennebula import states
from support.demo_one import ADMIN, DemoOne, demo_one
from support.patience import FAR_S

SIZE = {"vms": 300, "hosts": 12, "projects": 20}
GIB = 1 << 30


async def asked(one: DemoOne, *questions: str, session: str = ADMIN) -> dict[str, Any]:
    """The answers, by question; an exception for one that is left out."""
    entry = Found("one", endpoint=one.endpoint, session=Secret(session))
    cloud = OpenNebula(entry, Clock(now=lambda: one.world.now))
    deadline = DEADLINE.set(time.monotonic() + FAR_S)
    found: dict[str, Any] = {}
    try:
        for question in questions:
            try:
                found[question] = await cloud.ask(question)
            except LeftOutError as error:
                found[question] = error
    finally:
        DEADLINE.reset(deadline)
        await cloud.close()
    return found


async def test_every_question_is_answered_and_nothing_is_malformed() -> None:
    async with demo_one(**SIZE) as one:
        questions = [question.name for question in OpenNebula.questions]
        found = await asked(one, *questions)
        assert {name for name, answer in found.items() if isinstance(answer, Exception)} == set()
        assert {
            name: answer.malformed for name, answer in found.items() if getattr(answer, "malformed", 0)
        } == {}
        assert isinstance(found["each_vm"], Each)
        assert len(found["each_vm"].objects) == 300


async def test_vms_are_those_of_the_world_in_their_states() -> None:
    async with demo_one(**SIZE) as one:
        for _ in range(3):
            found = (await asked(one, "vms"))["vms"]
            now = one.world.now
            expected = Counter(states.name(vm, now) for vm in live(one.world))
            assert {state: number for state, number in found.by_state.items() if number} == expected
            assert found.is_whole
            vms = {str(vm.serial): vm for vm in live(one.world)}
            assert found.vms.keys() == vms.keys()
            for vm_id, vm in found.vms.items():
                real = vms[vm_id]
                assert (vm.name, vm.flavor, vm.vcpus) == (real.name, real.flavor.name, real.flavor.vcpus)
                assert vm.memory == real.flavor.memory_mib << 20
                on = real.host is not None and states.of_vm(real, now)[0] in states.ON_A_HOST
                moving = one.world.migrations.get(real.id)
                if moving is None:
                    assert (vm.host, vm.zone) == (
                        (real.host.name, real.host.zone) if on and real.host else ("", "")
                    )
            assert sum(sums.vms for sums in found.by_project.values()) == one.world.live
            one.after(600.0)


async def test_hosts_capacity_and_room_are_those_of_the_world() -> None:
    async with demo_one(**SIZE) as one:
        found = await asked(one, "hosts", "inventories", "room", "host_services")
        hosts = {host.host: host for host in found["hosts"].hosts}
        assert hosts.keys() == one.world.hosts.keys()
        for name, real in one.world.hosts.items():
            assert hosts[name].vms == len(real.vms)
            assert hosts[name].zone == real.zone
            memory = found["inventories"].resources[name]["memory"]
            assert memory.total == real.has.memory_mib << 20
        assert Counter(host.state for host in hosts.values()) == {"MONITORED": 10, "DISABLED": 1, "ERROR": 1}
        room: Capacity = found["room"]
        assert sum(one.vms for one in room.room) > 0
        up = {service.host: service.is_up for service in found["host_services"].services}
        assert [name for name, is_up in up.items() if not is_up] == [
            host.name for host in one.world.hosts.values() if not host.daemon.is_up(one.world.now)
        ]


async def test_owners_quotas_networks_and_images_are_those_of_the_world() -> None:
    async with demo_one(**SIZE) as one:
        found = await asked(one, "groups", "quotas", "networks", "images", "datastores")
        groups = {project.name for project in found["groups"].projects}
        assert groups == {group.name for group in one.cloud.directory.groups.values()}
        used = {
            quota.project_id: quota.used
            for quota in found["quotas"].quotas
            if quota.resource == "VMS" and quota.project_id
        }
        for number, group in one.cloud.directory.groups.items():
            assert used.get(str(number), 0) == group.project.used["instances"]
        leases = Counter({pool.network_name: pool.used or 0 for pool in found["networks"].pools})
        taken = Counter(port.subnet.network.name for port in one.world.ports if port.offset >= 2)
        assert leases == Counter({name: taken[name] for name in leases})
        assert {image.name for image in found["images"].images} >= {"debian-13", "cirros", "lab-golden"}


@pytest.mark.parametrize(("user", "is_whole"), [("reader", True), ("user1", False)])
async def test_view_of_a_user_says_whether_it_is_whole(user: str, is_whole: bool) -> None:
    async with demo_one(**SIZE) as one:
        found = await asked(one, "vms", "hosts", session=f"{user}:demo")
        assert found["vms"].is_whole == is_whole
        assert (len(found["vms"].vms) == one.world.live) == is_whole
        assert isinstance(found["hosts"], LeftOutError) == (not is_whole)
